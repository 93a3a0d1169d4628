// How names and texts out of a file appear in messages: short, on one line. A stranger's file may hold names of megabytes.
const LONGEST = 200;

/** The text on one line, cut in the middle where it is longer than 200 characters. */
export function shownName(text: string): string {
  const cut =
    text.length <= LONGEST
      ? text
      : `${text.slice(0, LONGEST / 2)}… (${text.length} characters) …${text.slice(-LONGEST / 2)}`;
  return cut.replace(/\p{Cc}/gu, '?');
}
