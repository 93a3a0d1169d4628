// A sweep of dictionaries: one for each combination of the values of its swept fields, with a name that tells them apart. Pure, and
// the same for plain data of a file and for parsed settings.

/** A value that a swept field may take. */
export type SweptValue = string | number | boolean;

/** A dictionary as a file has it; with `sweep`, many. */
export interface Sweepable {
  readonly name: string;
  readonly sweep?: Readonly<Record<string, readonly SweptValue[] | undefined>> | undefined;
}

const PLACEHOLDER = /\{\{([A-Za-z0-9]+)\}\}/g;

/** Fields named in {{…}} in a name. */
export function namedFields(name: string): string[] {
  return [...name.matchAll(PLACEHOLDER)].map((match) => match[1] ?? '');
}

/** The dictionaries of an entry: itself, or the sweep's in the order of its values, the last field changing fastest. */
export function expandSweep<Entry extends Sweepable>(entry: Entry): Omit<Entry, 'sweep'>[] {
  const { sweep, ...rest } = entry;
  const fields = Object.entries(sweep ?? {}).flatMap(([field, values]) => (values ? [[field, values] as const] : []));
  const combinations = fields.reduce<Readonly<Record<string, SweptValue>>[]>(
    (made, [field, values]) => made.flatMap((one) => values.map((value) => ({ ...one, [field]: value }))),
    [{}],
  );
  return combinations.map((values) => {
    const name = entry.name.replace(PLACEHOLDER, (whole, field: string) => String(values[field] ?? whole));
    return { ...rest, ...values, name };
  });
}
