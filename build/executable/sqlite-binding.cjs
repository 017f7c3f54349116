'use strict';
/*
 * Stands in the bundle where better-sqlite3 looks for its addon: that is in the executable, and the kernel loads it from a file without a name, so that no
 * folder has to be writable for long and nothing is left behind. All threads share one copy.
 */
const { closeSync, constants, openSync, readSync, rmSync, writeSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { getAsset } = require('node:sea');
const { getEnvironmentData, setEnvironmentData } = require('node:worker_threads');

/** open(2): Node names all its flags but this one. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const SHARED = 'skerry.sqlite-addon';
const PIECE_BYTES = 64 * 1024;

let addon;

exports.getBinding = () => {
  addon ??= load();
  return addon;
};

function load() {
  const shared = getEnvironmentData(SHARED);
  if (shared !== undefined) return open(shared);
  const failures = [];
  // Memory first: a card is spared 2 MB of writing at each start. A folder may be missing, read-only, full, or may forbid to execute.
  for (const folder of new Set(['/dev/shm', '/run', tmpdir(), '/var/tmp', process.cwd()])) {
    try {
      return loadFrom(folder);
    } catch (error) {
      failures.push(error.message);
    }
  }
  throw new Error(`load SQLite: no folder takes a file that may be executed (TMPDIR names one more): ${failures.join('; ')}`);
}

function loadFrom(folder) {
  const fd = openNameless(folder);
  try {
    fill(fd);
    const name = `/proc/self/fd/${fd}`;
    const loaded = open(name);
    // The descriptor stays open: the next thread loads the same file, which the dynamic linker knows again.
    setEnvironmentData(SHARED, name);
    return loaded;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openNameless(folder) {
  try {
    return openSync(folder, O_TMPFILE | constants.O_RDWR, 0o700);
  } catch (error) {
    // Not every file system knows files without names: there it has one until it is open.
    if (error.code !== 'EOPNOTSUPP' && error.code !== 'EISDIR') throw error;
    const file = path.join(folder, `.skerry-sqlite-${process.pid}`);
    const fd = openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o700);
    rmSync(file);
    return fd;
  }
}

/** Piece by piece with read(2): of the mapped file, each page that is read stays in memory (places.ts). */
function fill(fd) {
  const { at, length } = JSON.parse(getAsset('places.json', 'utf8'))['better_sqlite3.node'];
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const executable = openSync('/proc/self/exe');
  for (let done = 0; done < length;) {
    const bytes = readSync(executable, piece, 0, Math.min(PIECE_BYTES, length - done), at + done);
    if (bytes === 0) throw new Error('the executable is cut off');
    for (let written = 0; written < bytes;) written += writeSync(fd, piece, written, bytes - written);
    done += bytes;
  }
  closeSync(executable);
}

function open(file) {
  const holder = { exports: {} };
  process.dlopen(holder, file);
  return holder.exports;
}
