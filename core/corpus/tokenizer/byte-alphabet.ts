// GPT-2's spelling of bytes as printable characters, in which byte-level vocabularies are written.

/** Character of each byte: itself where it is printable (! … ~, ¡ … ¬, ® … ÿ), else the next free one from U+0100. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const encoder = new TextEncoder();

/** The UTF-8 bytes of a text, one character of the byte alphabet each. */
export function spellBytes(text: string): string {
  let spelt = '';
  for (const byte of encoder.encode(text)) spelt += BYTE_CHARACTERS[byte] ?? '';
  return spelt;
}

/**
 * For every byte of a text's UTF-8: the first UTF-16 unit of its character (`from`) and one past its last (`to`).
 */
export function byteUnits(text: string): { from: number[]; to: number[] } {
  const from: number[] = [];
  const to: number[] = [];
  let unit = 0;
  for (const character of text) {
    const end = unit + character.length;
    const code = character.codePointAt(0) ?? 0;
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (let i = 0; i < bytes; i++) {
      from.push(unit);
      to.push(end);
    }
    unit = end;
  }
  return { from, to };
}
