// Placeholders of a sweep in the name of a dictionary: neither a schedule's nor a matrix's.
import type { FieldPath } from './problem.js';
import { valueAt } from './shape-findings.js';

/** Whether {{name}} at a path of a file's plain data is a swept field's. */
export function isSweptName(value: unknown, path: FieldPath, name: string): boolean {
  const [section, index, field] = path;
  if (section !== 'saes' || index === undefined || field !== 'name' || path.length !== 3) return false;
  const sweep = valueAt(value, [section, index, 'sweep']);
  return typeof sweep === 'object' && sweep !== null && name in sweep;
}
