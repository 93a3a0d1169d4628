// Changes to the messages of a decoded model, field by field: every result is a well-formed file whose meaning is wrong.
// Driven by the codec's field table, so that a new field is mutated without a change here.
import { FIELDS, type FieldSpec, type MessageName } from '../../core/onnx/field-table.js';
import type { ModelProto } from '../../core/onnx/proto.js';
import type { KeyedRandom } from '../../core/tensor/random.js';

type Fields = Readonly<Record<string, unknown>>;

/** Messages and texts of real models, from which mutations take what they put elsewhere. */
export interface Pool {
  readonly messages: ReadonlyMap<string, readonly Fields[]>;
  readonly texts: readonly string[];
}

/** Texts that break what does not expect them. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'a\u0000b',
  'é\u{1F600}\u202e',
  'x'.repeat(100_000),
  ...['/etc/passwd', '../canary.bin', '..\\canary.bin', 'C:\\canary.bin', 'c:canary.bin', '\\\\host\\share'],
  ...['%2e%2e/canary.bin', 'link/canary.bin', './weights.bin', 'model.onnx', 'weights.bin', '.', 'weights.bin/'],
  ...['*/_ORT_MEM_ADDR_/*', 'file:///etc/passwd', '~/canary.bin', 'weights.bin\u0000.png', `${'d/'.repeat(3000)}x`],
  ...['-1', '0x10', '1e3', '99999999999999999999', '18446744073709551615', ' 8', '+8', '8', '4096'],
  ...['location', 'offset', 'length', 'value', 'axis', 'to', 'then_branch', 'perm'],
  ...['If', 'Loop', 'Scan', 'Constant', 'Identity', 'Shape', 'Gather', 'Add', 'MatMul', 'Softmax', 'Reshape'],
  ...['Attention', 'LayerNormalization', 'com.microsoft', 'Split', 'Concat', 'Cast', 'Transpose', 'ai.onnx'],
];

const NUMBERS = [0, 1, -1, 2, 3, 4, 5, 7, 9, 10, 11, 16, 20, 64, 255, 65536, 2 ** 31 - 1, -(2 ** 31)];
const WIDE = [...NUMBERS, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1, -(2 ** 53) + 1];
const WIDEST = [...WIDE, 2n ** 63n - 1n, -(2n ** 63n)];
const FLOATS = [0, -0, 1, -1, NaN, Infinity, -Infinity, 1e-45, 3.4e38, 0.5];
/** Messages of one type that a pool keeps. */
const KEPT = 300;

/** What the models hold, sampled. */
export function makePool(models: readonly ModelProto[]): Pool {
  const messages = new Map<string, Fields[]>();
  const texts = new Set<string>();
  const collect = (type: MessageName, value: Fields): void => {
    const kept = messages.get(type) ?? [];
    messages.set(type, kept);
    if (kept.length < KEPT) kept.push(value);
    for (const [name, { kind }] of fieldsOf(type)) {
      for (const item of itemsOf(value[name])) {
        if (isMessage(kind)) collect(kind, item as Fields);
        else if (kind === 'string' && texts.size < 20_000) texts.add(item as string);
      }
    }
  };
  for (const model of models) collect('ModelProto', model as unknown as Fields);
  return { messages, texts: [...texts] };
}

/** The model with one to four changes. */
export function mutateMessage(model: ModelProto, random: KeyedRandom, pool: Pool): ModelProto {
  let changed = model as unknown as Fields;
  for (let n = 1 + random.nextInt(4); n > 0; n--) changed = descend({ random, pool }, 'ModelProto', changed);
  return changed as unknown as ModelProto;
}

interface Source {
  readonly random: KeyedRandom;
  readonly pool: Pool;
}

/** Of a hundred changes, how many strike the message itself and not one below it; 35 where nothing is said. */
const STAYS: Readonly<Partial<Record<MessageName, number>>> = { ModelProto: 2, GraphProto: 10 };

/** Goes down to a random message and changes one field of it. */
function descend(source: Source, type: MessageName, value: Fields): Fields {
  const { random } = source;
  const below = fieldsOf(type).filter(([name, { kind }]) => isMessage(kind) && itemsOf(value[name]).length > 0);
  const graph = random.nextInt(10) > 0 ? below.find(([name]) => name === 'graph') : undefined;
  const [name, spec] = graph ?? pick(random, below) ?? [];
  if (name === undefined || spec === undefined || random.nextInt(100) < (STAYS[type] ?? 35))
    return change(source, type, value);
  const kind = spec.kind as MessageName;
  if (spec.repeat === 'one') return { ...value, [name]: descend(source, kind, value[name] as Fields) };
  const list = [...(value[name] as readonly Fields[])];
  const at = random.nextInt(list.length);
  list[at] = descend(source, kind, list[at] as Fields);
  return { ...value, [name]: list };
}

function change(source: Source, type: MessageName, value: Fields): Fields {
  const [name, spec] = pick(source.random, fieldsOf(type)) as [string, FieldSpec];
  if (spec.repeat !== 'one') return { ...value, [name]: changeList(source, spec, itemsOf(value[name])) };
  const { [name]: _old, ...rest } = value;
  return source.random.nextInt(4) === 0 ? rest : { ...rest, [name]: randomValue(source, spec.kind) };
}

function changeList(source: Source, { kind }: FieldSpec, items: readonly unknown[]): unknown[] {
  const { random } = source;
  const list = [...items];
  const at = list.length === 0 ? 0 : random.nextInt(list.length);
  const item = list.length === 0 ? randomValue(source, kind) : list[at];
  switch (random.nextInt(8)) {
    case 0:
      return [];
    case 1:
      return list.filter((_, i) => i !== at);
    case 2:
      return list.toSpliced(random.nextInt(list.length + 1), 0, item);
    case 3:
      return list.toSpliced(at, 1).toSpliced(random.nextInt(list.length), 0, item);
    case 4:
      return [...list, ...new Array<unknown>(isMessage(kind) ? 5 : 1000).fill(item)];
    case 5:
      return list.toReversed();
    case 6:
      return list.map((old, i) => (i === at ? randomValue(source, kind) : old));
    default:
      return list.toSpliced(at, 0, randomValue(source, kind));
  }
}

function randomValue({ random, pool }: Source, kind: FieldSpec['kind']): unknown {
  switch (kind) {
    case 'string':
      return pick(random, random.nextInt(3) === 0 ? HOSTILE_TEXTS : pool.texts) ?? '';
    case 'bytes':
      return Uint8Array.from({ length: random.nextInt(40) }, () => random.nextInt(256));
    case 'int32':
      return pick(random, NUMBERS);
    case 'int':
      return pick(random, WIDE);
    case 'long':
      return pick(random, WIDEST);
    case 'ulong':
      return pick(
        random,
        WIDE.filter((n) => n >= 0),
      );
    case 'float':
    case 'double':
      return pick(random, FLOATS);
    default:
      return pick(random, pool.messages.get(kind) ?? []) ?? emptyMessage(kind);
  }
}

function emptyMessage(type: MessageName): Fields {
  const lists = fieldsOf(type).filter(([, { repeat, note }]) => repeat !== 'one' && note !== 'rare');
  return Object.fromEntries(lists.map(([name]) => [name, []]));
}

function fieldsOf(type: MessageName): [string, FieldSpec][] {
  return Object.entries(FIELDS[type] as Record<string, FieldSpec>);
}

function itemsOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  const isList = Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array;
  return isList ? [...(value as Iterable<unknown>)] : [value];
}

function isMessage(kind: FieldSpec['kind']): kind is MessageName {
  return kind in FIELDS;
}

function pick<T>(random: KeyedRandom, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[random.nextInt(items.length)];
}
