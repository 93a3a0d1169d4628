// A .txt file is one document whose id is its name; a folder of them is one part, in order of their names.
import { isUtf8 } from 'node:buffer';
import type { RawRecord } from './raw-record.js';
import { badUtf8, MAX_LINE_BYTES } from './read-jsonl.js';
import { formatOf } from './formats.js';
import { walkFolder } from './walk-folder.js';

/** The text files of a folder part: those named .txt, also compressed. */
export async function listTextFiles(folder: string): Promise<string[]> {
  return (await walkFolder(folder)).files.filter((name) => formatOf(name, 'auto')?.format === 'txt');
}

/** The one record of a text file. @param chunks its decompressed content */
export async function readTextRecord(
  chunks: AsyncIterable<Uint8Array>,
  names: { readonly id: string; readonly idField: string; readonly textField: string },
): Promise<RawRecord> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MAX_LINE_BYTES) {
      const problem = `expected a text of at most ${MAX_LINE_BYTES} bytes, found a longer one (a .txt file is one document; cut it)`;
      return {
        line: 1,
        bad: { reason: 'tooLong', problem, details: { limitBytes: MAX_LINE_BYTES } },
      };
    }
    pieces.push(chunk);
  }
  const bytes = Buffer.concat(pieces);
  if (!isUtf8(bytes)) {
    const bad = badUtf8(bytes, 0);
    const at = Number(bad.details['byteOffset']);
    return { line: 1 + countNewlines(bytes.subarray(0, at)), bad };
  }
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const fields = {
    [names.idField]: names.id,
    [names.textField]: bytes.toString('utf8', hasMark ? 3 : 0),
  };
  return { line: 1, fields };
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}
