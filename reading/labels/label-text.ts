// What a label may say: one line of readable text. Pure.
import { InputError } from '../../schemas/errors.js';

/** Characters of the longest label. */
const LONGEST = 300;

/**
 * The label without white space around it.
 * @param where begins the message: `Expected a label in …`
 * @throws InputError
 */
export function checkedLabel(text: string, where: string): string {
  const label = text.trim();
  const found = faultOf(label);
  if (found === null) return label;
  throw new InputError(
    `Expected a label ${where}: one line of 1 to ${LONGEST} characters, found ${found}; give a few words.`,
    { label: label.slice(0, LONGEST) },
  );
}

function faultOf(label: string): string | null {
  const length = Array.from(label).length;
  if (length === 0) return 'an empty one';
  if (length > LONGEST) return `${length} characters`;
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.exec(label)?.[0];
  if (control !== undefined) return `the control character U+${hex(control)}`;
  return /\p{Surrogate}/u.test(label) ? 'half of a character (a lone surrogate)' : null;
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
}
