// How many columns text takes, and how it is cut and wrapped to fit. Knows plain text only: no escapes, no line breaks. Pure.
import truncated from 'fast-string-truncated-width';

const PLAIN = /^[\x20-\x7e]*$/;

/** Columns that a text takes: East Asian wide characters and emoji two, combining marks none. */
export function displayWidth(text: string): number {
  return PLAIN.test(text) ? text.length : truncated(text).width;
}

/** The text, or as much of its beginning as fits with `…` behind it. */
export function cutTo(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const { index } = truncated(text, { limit: Math.max(0, width - 1), ellipsis: '' });
  return `${text.slice(0, index)}…`;
}

/** The text with spaces beside it. */
export function padTo(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}

/** Where a long name may be broken: behind these. */
const JOINTS = /(?<=[/.@,=_-])/;

/** What one copies in one piece: a URL, a path, a key, a digest. A sentence of a language without spaces is none. */
const NAME = /^[\x21-\x7e]+$|[/\\]/;

/**
 * A text in lines of at most `width` columns: broken at spaces; a word that is longer by itself behind `/`, `.` and the like, at
 * last anywhere.
 * @param names `whole`: a long URL, path or key is left to the terminal, which shows it over several lines and copies it as one
 */
export function wrapWords(text: string, width: number, names: 'whole' | 'broken' = 'broken'): string[] {
  if (displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const [i, word] of text.split(' ').entries()) {
    const longer = i === 0 ? word : `${line} ${word}`;
    if (displayWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (i > 0) lines.push(line.trimEnd());
    const pieces = names === 'whole' && NAME.test(word) ? [word] : brokenWord(word, width);
    line = pieces.pop() ?? '';
    lines.push(...pieces);
  }
  return [...lines, line];
}

/** Columns of the longest word. */
export function longestWord(text: string): number {
  return text.split(' ').reduce((most, word) => Math.max(most, displayWidth(word)), 0);
}

function brokenWord(word: string, width: number): string[] {
  const lines = [''];
  for (const piece of word.split(JOINTS)) {
    const longer = (lines.at(-1) ?? '') + piece;
    if (displayWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(...chopped(piece, width));
  }
  return lines[0] === '' ? lines.slice(1) : lines;
}

/** A text in stretches of at most `width` columns. */
export function chopped(piece: string, width: number): string[] {
  const lines: string[] = [];
  let rest = piece;
  while (displayWidth(rest) > width) {
    const { index } = truncated(rest, { limit: width, ellipsis: '' });
    lines.push(rest.slice(0, Math.max(1, index)));
    rest = rest.slice(Math.max(1, index));
  }
  return [...lines, rest];
}
