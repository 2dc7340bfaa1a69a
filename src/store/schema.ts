/** `PRAGMA application_id` of a node store: the letters `lnkt`. */
export const APPLICATION_ID = 0x6c6e6b74;

/** Numbered migrations: number n leads from `user_version` n to n + 1. A landed one is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE channel (
    key BLOB PRIMARY KEY, peer BLOB NOT NULL, phase TEXT NOT NULL, closed INTEGER NOT NULL CHECK (closed IN (0, 1)), blob BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE extras (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE payment (
    key BLOB PRIMARY KEY, status TEXT NOT NULL, destination BLOB NOT NULL, amount_msat INTEGER NOT NULL, idempotency_key TEXT,
    created_at INTEGER NOT NULL, blob BLOB NOT NULL
  ) STRICT;
  CREATE INDEX payment_pending ON payment (status) WHERE status = 'pending';
  CREATE INDEX payment_created ON payment (created_at);
  CREATE INDEX payment_idempotency ON payment (idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE TABLE invoice (key BLOB PRIMARY KEY, state TEXT NOT NULL, created_at INTEGER NOT NULL, blob BLOB NOT NULL) STRICT;
  CREATE INDEX invoice_waiting ON invoice (state) WHERE state IN ('open', 'accepted');
  CREATE INDEX invoice_created ON invoice (created_at);
  CREATE TABLE forward (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE peer (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE meta (key TEXT PRIMARY KEY, blob BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, subject BLOB NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, blob BLOB NOT NULL
  ) STRICT;
  CREATE INDEX history_subject ON history (subject, what);
  `,
  `
  CREATE TABLE asset (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT;
  CREATE TABLE asset_anchor (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT;
  CREATE TABLE asset_known (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT;
  CREATE TABLE asset_group (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE asset_address (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE asset_history (key BLOB PRIMARY KEY, blob BLOB NOT NULL) STRICT;
  `,
];
