/** `PRAGMA application_id` of a universe: the letters `lnku`. */
export const APPLICATION_ID = 0x6c6e6b75;

/**
 * Numbered migrations: number n leads from `user_version` n to n + 1. A landed one is never changed. Unsigned 64-bit numbers stand as the signed
 * ones with the same bits. Trees of universes have the universe's row id, the two multiverses -1 and -2; the value of a universe's leaf stands in
 * `leaf` alone.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE universe (
    id INTEGER PRIMARY KEY, proof_type TEXT NOT NULL CHECK (proof_type IN ('issuance', 'transfer')), key BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('asset', 'group')), of BLOB NOT NULL, name TEXT NOT NULL, root_hash BLOB NOT NULL,
    root_sum INTEGER NOT NULL, UNIQUE (proof_type, key)
  ) STRICT;
  CREATE TABLE leaf (
    id INTEGER PRIMARY KEY, universe INTEGER NOT NULL REFERENCES universe (id), key BLOB NOT NULL, txid BLOB NOT NULL, vout INTEGER NOT NULL,
    script_key BLOB NOT NULL, asset_id BLOB NOT NULL, amount INTEGER NOT NULL, block_hash BLOB NOT NULL, block_height INTEGER NOT NULL,
    added_at INTEGER NOT NULL, proof BLOB NOT NULL, UNIQUE (universe, key)
  ) STRICT;
  CREATE INDEX leaf_order ON leaf (universe, id);
  CREATE INDEX leaf_asset ON leaf (asset_id);
  CREATE TABLE node (tree INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tree, hash)) STRICT, WITHOUT ROWID;
  CREATE TABLE multiverse (proof_type TEXT PRIMARY KEY, root_hash BLOB NOT NULL, root_sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE asset (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, type INTEGER NOT NULL, meta_hash BLOB NOT NULL, group_key BLOB, outpoint TEXT NOT NULL,
    anchor TEXT NOT NULL, height INTEGER NOT NULL, time INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE group_key (x BLOB PRIMARY KEY, asset_id BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE server (
    host TEXT PRIMARY KEY, added_at INTEGER NOT NULL, synced_at INTEGER, failure TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE push (
    host TEXT NOT NULL REFERENCES server (host) ON DELETE CASCADE, leaf INTEGER NOT NULL REFERENCES leaf (id), tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL, PRIMARY KEY (host, leaf)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('proof', 'sync')), asset_id BLOB NOT NULL
  ) STRICT;
  CREATE INDEX event_at ON event (at);
  CREATE INDEX event_asset ON event (asset_id, kind);
  `,
  // Counted by day: who asks again and again must not fill the disk.
  `
  CREATE TABLE tally (
    day INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('proof', 'sync')), asset_id BLOB NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (asset_id, kind, day)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tally_day ON tally (day);
  INSERT INTO tally SELECT at / 86400, kind, asset_id, count(*) FROM event GROUP BY 1, 2, 3;
  DROP TABLE event;
  `,
];
