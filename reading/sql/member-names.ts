// Structs whose members cannot be told apart by name (`row(1, 2)` has none): the library gives them as objects, of which only the last
// member would be left. They are refused before the first row. Reads types only.
import {
  DuckDBArrayType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  DuckDBUnionType,
  type DuckDBType,
} from '@duckdb/node-api';
import { InputError } from '../../schemas/errors.js';

/** @throws InputError naming the column */
export function checkMemberNames(column: string, type: DuckDBType): void {
  const names = structsIn(type).find((one) => new Set(one).size < one.length || one.includes('__proto__'));
  if (!names) return;
  throw new InputError(
    `Expected structs whose members have names of their own, found ${names.map((name) => `"${name}"`).join(', ')} in column "${column}"; name them, as in {'a': 1, 'b': 2}.`,
    { column, members: names },
  );
}

/** The names of every struct's members, at any depth. */
function structsIn(type: DuckDBType): (readonly string[])[] {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return structsIn(type.valueType);
  if (type instanceof DuckDBMapType) return [...structsIn(type.keyType), ...structsIn(type.valueType)];
  if (type instanceof DuckDBUnionType) return type.memberTypes.flatMap(structsIn);
  if (type instanceof DuckDBStructType) return [type.entryNames, ...type.entryTypes.flatMap(structsIn)];
  return [];
}
