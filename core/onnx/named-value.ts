// Graph values by name, where a missing one is a mistake of ours and no user's.
import type { Value } from './shape.js';

export type NamedValues = Readonly<Record<string, Value>>;

/** The value of that name. @throws TypeError where a graph was built without it */
export function valueNamed(values: NamedValues, name: string): Value {
  const value = values[name];
  if (value === undefined) throw new TypeError(`No graph value called ${name}.`);
  return value;
}
