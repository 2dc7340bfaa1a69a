#!/usr/bin/env node
// Plain JavaScript of long ago up to the check, so that an old Node says what is wrong instead of showing a syntax error.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 12)) {
  console.error(`lnkit needs Node 22.12 or later; this is Node ${process.versions.node} (${process.execPath})`);
  process.exit(2);
}
enableCompileCache();
start();

/** Compiled code is kept in the user's own cache folder: a path that cannot be written (under /proc for one) would hang Node. */
function enableCompileCache() {
  var env = process.env;
  var home = env.XDG_CACHE_HOME || (env.HOME ? `${env.HOME}/.cache` : env.LOCALAPPDATA);
  if (
    env.NODE_COMPILE_CACHE ||
    env.NODE_DISABLE_COMPILE_CACHE ||
    !home ||
    !/^([/]|[A-Za-z]:)/.test(home) ||
    /^[/](proc|sys|dev)[/]/.test(home)
  )
    return;
  try {
    process.getBuiltinModule('node:module').enableCompileCache(`${home}/lnkit/compile`);
  } catch (_error) {
    // Only slower without it.
  }
}

function start() {
  var built = new URL('../dist/cli.js', import.meta.url);
  var source = new URL('../src/app/cli.ts', import.meta.url);
  var exists = process.getBuiltinModule('node:fs').existsSync;
  var isBuilt = exists(built);
  if (!isBuilt && !(exists(source) && process.features.typescript)) {
    console.error('lnkit is not built: run `npm run build`');
    process.exit(2);
  }
  var where = { mode: isBuilt ? 'built' : 'source', root: new URL('../', import.meta.url) };
  import((isBuilt ? built : source).href).then((cli) => cli.main(process.argv.slice(2), where));
}
