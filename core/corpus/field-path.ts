// Fields of a record by the names that a run file gives: a field of that very name, else the path `outer.inner` through objects.

type Fields = Readonly<Record<string, unknown>>;

/** The field's value; undefined where there is none. */
export function fieldAt(fields: Fields, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name];
  const found = inner(fields, name);
  return found && fieldAt(found.object, found.rest);
}

/** The fields without those of the given names; objects that held one stay, without it. */
export function withoutFields(fields: Fields, names: readonly string[]): Fields {
  return names.reduce(without, fields);
}

function without(fields: Fields, name: string): Fields {
  if (name === '') return fields;
  if (Object.hasOwn(fields, name)) return Object.fromEntries(Object.entries(fields).filter(([own]) => own !== name));
  const found = inner(fields, name);
  if (!found || fieldAt(found.object, found.rest) === undefined) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([own, value]) => [
      own,
      own === found.outer ? without(found.object, found.rest) : value,
    ]),
  );
}

function inner(
  fields: Fields,
  name: string,
): { readonly outer: string; readonly object: Fields; readonly rest: string } | undefined {
  for (let dot = name.indexOf('.'); dot > 0; dot = name.indexOf('.', dot + 1)) {
    const outer = name.slice(0, dot);
    const value = Object.hasOwn(fields, outer) ? fields[outer] : undefined;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { outer, object: value as Fields, rest: name.slice(dot + 1) };
    }
  }
  return undefined;
}
