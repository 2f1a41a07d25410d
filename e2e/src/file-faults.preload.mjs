// Loaded into a program with --import: its calls of node:fs/promises below FAULT_FOLDER go wrong, as one of these says.
//   FAULT_KILL_AT     the process is killed at the call of this number, counted from 1; a write is cut in half
//   FAULT_LINK_DELAY  milliseconds that each link to a final name takes longer
//   FAULT_LINK_BUG    each of these throws a TypeError with this message
//   FAULT_LINK_ERROR  the first two of these fail with this error of the system, such as EDQUOT, as Node.js throws it
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';

const { FAULT_FOLDER, FAULT_KILL_AT, FAULT_LINK_DELAY, FAULT_LINK_BUG, FAULT_LINK_ERROR } = process.env;
const paths = new WeakMap();
let calls = 0;
let failedLinks = 0;

/** Killed as by the machine: no handler runs, nothing is flushed. */
function step(path) {
  if (String(path).startsWith(FAULT_FOLDER)) {
    calls += 1;
    return calls === Number(FAULT_KILL_AT);
  }
  return false;
}

/** Of some errors, Node.js knows no name. */
function systemError(name) {
  const errno = -constants.errno[name];
  const code = getSystemErrorMap().get(errno)?.[0] ?? `Unknown system error ${errno}`;
  return Object.assign(new Error(`${code}: failed as asked, link`), { errno, code, syscall: 'link' });
}

function die() {
  process.kill(process.pid, 'SIGKILL');
}

for (const name of ['open', 'mkdir', 'link', 'rename', 'rm', 'unlink', 'appendFile']) {
  const original = fs[name];
  fs[name] = async (path, ...rest) => {
    if (step(path)) {
      die();
    }
    if (name === 'link' && String(rest[0]).startsWith(`${FAULT_FOLDER}/customer=`)) {
      await sleep(Number(FAULT_LINK_DELAY ?? 0));
      if (FAULT_LINK_BUG !== undefined) {
        throw new TypeError(FAULT_LINK_BUG);
      }
      if (FAULT_LINK_ERROR !== undefined && failedLinks < 2) {
        failedLinks += 1;
        throw systemError(FAULT_LINK_ERROR);
      }
    }
    const result = await original(path, ...rest);
    if (name === 'open') {
      paths.set(result, path);
    }
    return result;
  };
}

// A handle's `close` is its own, and changes nothing on disk.
const handle = await fs.open(fileURLToPath(import.meta.url));
const prototype = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['write', 'writeFile', 'sync', 'datasync']) {
  const original = prototype[name];
  prototype[name] = async function faulty(bytes, ...rest) {
    if (step(paths.get(this))) {
      if (name.startsWith('write')) {
        await original.call(this, bytes.subarray(0, bytes.length / 2));
      }
      die();
    }
    return original.call(this, bytes, ...rest);
  };
}

syncBuiltinESMExports();
