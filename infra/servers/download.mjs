// Downloads one released program to a given path; checks nothing but that it came whole.
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { runCommand } from '../processes.mjs';

/**
 * Writes the program to `file`.
 * @param source `{url, kind}`: kind 'program' is the file itself, 'tar.gz' an archive with it at its top
 * @throws Error when the server refuses, or the body is shorter than it said
 */
export async function downloadProgram({ url, kind }, file) {
  const response = await fetch(url, {
    redirect: 'follow',
    signal: AbortSignal.timeout(15 * 60_000),
  });
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const target = kind === 'tar.gz' ? `${file}.tar.gz` : file;
  await pipeline(Readable.fromWeb(response.body), createWriteStream(target));
  const expected = Number(response.headers.get('content-length') ?? NaN);
  const { size } = await stat(target);
  if (Number.isFinite(expected) && size !== expected) {
    throw new Error(`expected ${expected} bytes, got ${size}`);
  }
  if (kind !== 'tar.gz') return;
  const code = await runCommand('tar', ['-xzf', target, '-C', path.dirname(file)]);
  await rm(target, { force: true });
  if (code !== 0) throw new Error(`tar ended with code ${code}`);
}
