// Patterns of site names.
import { escapeRegExp } from '../text/escape-reg-exp.js';

/** What a pattern of site names matches: `*` stands for any characters but a dot. */
export function sitePattern(pattern: string): RegExp {
  return new RegExp(`^${pattern.split('*').map(escapeRegExp).join('[^.]*')}$`);
}
