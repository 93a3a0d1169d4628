// Text that cannot steer a terminal: what would move the cursor, colour, link, hide or turn round what is read is written as an
// escape that says what it is. Stored texts, ids and messages of others pass through here on their way out. Pure.

/**
 * C0 (line feed and tab are text), DEL and C1; marks that turn the direction of writing; line and paragraph separators; invisible
 * operators and annotations; lone surrogates, which UTF-8 does not know.
 */
const STEERING =
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2061-\u206f\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The text with `\u001b` in the place of an escape character, and so on. Escaping twice changes nothing. */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(STEERING, escaped);
}

/** A JSON document whose strings are the same and cannot steer a terminal. */
export function printableJson(json: string): string {
  return json.replace(STEERING, escaped);
}

/** The same in one line. */
export function oneLine(text: string): string {
  return printable(text.replace(/\r?\n/g, '⏎').replaceAll('\t', '⇥'));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
