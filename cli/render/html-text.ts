// Text within a page of HTML: nothing of it can end a tag, open one, or turn the direction of what follows. Pure.
import { oneLine } from '../terminal/printable.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The text in one line, its control characters as escapes that are seen. */
export function htmlText(text: string): string {
  return oneLine(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
