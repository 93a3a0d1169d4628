// Text as part of a regular expression.

/** The text with everything escaped that means more than itself in a regular expression. */
export function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
