// A reader of pickles that runs nothing: it knows the opcodes of plain values and the few names by which PyTorch writes tensors.
// A pickle is a program; one that names anything else (os.system, a class of the trainer's) is refused with that name, before any
// of its arguments matter. Source: Lib/pickletools.py of CPython, protocols 2 to 5; torch/serialization.py and torch/_utils.py.
import { DataError } from '../../schemas/errors.js';
import { PickleBytes } from './pickle-bytes.js';
import type { ElementType } from './stored-tensor.js';

/** A storage that a pickle refers to; its bytes lie beside it. */
export interface PickledStorage {
  readonly storage: string;
  readonly type: ElementType;
  readonly elements: number;
}

/** A tensor over a storage, in elements. */
export interface PickledTensor {
  readonly of: PickledStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export type PickledValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly PickledValue[]
  | ReadonlyMap<PickledValue, PickledValue>
  | PickledStorage
  | PickledTensor;

/** What a pickle may name, and what that becomes when it is called. */
const CALLS: Readonly<Record<string, (args: readonly Item[]) => Item>> = {
  'collections.OrderedDict': ([pairs]) => new Map(Array.isArray(pairs) ? (pairs as [Item, Item][]) : []),
  'torch._utils._rebuild_tensor_v2': ([of, offset, shape, strides]) =>
    ({ of, offset, shape, strides }) as unknown as Item,
  'torch._utils._rebuild_parameter': ([data]) => data as Item,
  'torch._utils._rebuild_parameter_with_state': ([data]) => data as Item,
};

const STORAGES: Readonly<Record<string, ElementType>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

class Name {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
const MARK = Symbol('mark');
type Item = PickledValue | Item[] | Map<Item, Item> | Name | typeof MARK;

/** The value of a pickle. @throws DataError where it wants anything but plain values and tensors, or is damaged */
export function readPickle(bytes: Uint8Array, file: string): PickledValue {
  return new Machine(new PickleBytes(bytes, file), file).run();
}

class Machine {
  readonly #bytes: PickleBytes;
  readonly #file: string;
  readonly #stack: Item[] = [];
  readonly #memo = new Map<number, Item>();

  constructor(bytes: PickleBytes, file: string) {
    this.#bytes = bytes;
    this.#file = file;
  }

  run(): PickledValue {
    for (;;) {
      const code = this.#bytes.byte();
      if (code === 0x2e) return this.#pop() as PickledValue; // STOP
      const step = STEPS[code] ?? this.#unknown(code);
      step(this.#bytes, this);
    }
  }

  push(item: Item): void {
    this.#stack.push(item);
  }

  pop(count: number): Item[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  popMark(): Item[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.#damaged('a list of it has no beginning');
    return this.#stack.splice(at).slice(1);
  }

  remember(at?: number): void {
    this.#memo.set(at ?? this.#memo.size, this.#top());
  }

  recall(at: number): void {
    const item = this.#memo.get(at);
    if (item === undefined) throw this.#damaged(`it refers to value ${at}, which it does not hold`);
    this.push(item);
  }

  name(module: Item, attribute: Item): void {
    if (typeof module !== 'string' || typeof attribute !== 'string')
      throw this.#damaged('it names something by no text');
    const text = `${module}.${attribute}`;
    if (!Object.hasOwn(CALLS, text) && !Object.hasOwn(STORAGES, text)) throw this.#refused(text);
    this.push(new Name(text));
  }

  call(): void {
    const [name, args] = this.pop(2);
    const call = name instanceof Name ? CALLS[name.text] : undefined;
    if (call === undefined || !Array.isArray(args)) throw this.#damaged('it calls what is no function');
    this.push(call(args));
  }

  /** Attributes of a dictionary (`_metadata` of a module's state) are of no use here. */
  build(): void {
    this.#pop();
    if (!(this.#top() instanceof Map)) throw this.#damaged('it sets attributes of what is no dictionary');
  }

  setItems(items: readonly Item[]): void {
    const target = this.#top();
    if (!(target instanceof Map) || items.length % 2 !== 0) throw this.#damaged('it adds entries to no dictionary');
    for (let i = 0; i < items.length; i += 2) target.set(items[i] as Item, items[i + 1] as Item);
  }

  append(items: readonly Item[]): void {
    const target = this.#top();
    if (!Array.isArray(target)) throw this.#damaged('it appends to no list');
    for (const item of items) target.push(item);
  }

  /** ('storage', type, key, device, elements) */
  persistent(): void {
    const id = this.#pop();
    const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
    const element = type instanceof Name ? STORAGES[type.text] : undefined;
    if (kind !== 'storage' || element === undefined || typeof key !== 'string')
      throw this.#damaged('it refers to something outside that is no storage');
    this.push({ storage: key, type: element, elements: Number(elements) });
  }

  #pop(): Item {
    const item = this.#stack.pop();
    if (item === undefined) throw this.#damaged('it takes more values than it has');
    return item;
  }

  #top(): Item {
    const item = this.#stack.at(-1);
    if (item === undefined) throw this.#damaged('it takes more values than it has');
    return item;
  }

  #unknown(code: number): never {
    throw this.#damaged(`it holds the opcode 0x${code.toString(16).padStart(2, '0')}, which no plain value needs`);
  }

  #refused(name: string): DataError {
    return new DataError(
      `Expected only tensors, numbers, texts, lists and dictionaries in ${this.#file}, found that it wants to import "${name}": reading it would run that code, so it is refused. Save its tensors alone, by torch.save(module.state_dict(), …) or as safetensors.`,
      { file: this.#file, wants: name },
    );
  }

  #damaged(what: string): DataError {
    return new DataError(
      `Expected a pickle of plain values in ${this.#file}, found that ${what}. Save its tensors anew, best as safetensors.`,
      { file: this.#file },
    );
  }
}

type Step = (bytes: PickleBytes, machine: Machine) => void;
const tuple =
  (count: number): Step =>
  (_, machine) => {
    machine.push(machine.pop(count));
  };
const value =
  (read: (bytes: PickleBytes) => PickledValue): Step =>
  (bytes, machine) => {
    machine.push(read(bytes));
  };

/** By opcode. */
const STEPS: Readonly<Record<number, Step>> = {
  0x80: (bytes) => void bytes.byte(), // PROTO
  0x95: (bytes) => void bytes.unsigned(8), // FRAME
  0x28: (_, machine) => {
    machine.push(MARK);
  },
  0x4e: value(() => null),
  0x88: value(() => true),
  0x89: value(() => false),
  0x4b: value((bytes) => bytes.byte()), // BININT1
  0x4d: value((bytes) => bytes.unsigned(2)), // BININT2
  0x4a: value((bytes) => bytes.signed32()), // BININT
  0x8a: value((bytes) => bytes.long(bytes.byte())), // LONG1
  0x8b: value((bytes) => bytes.long(bytes.unsigned(4))), // LONG4
  0x47: value((bytes) => bytes.float64()), // BINFLOAT
  0x58: value((bytes) => bytes.text(bytes.unsigned(4))), // BINUNICODE
  0x8c: value((bytes) => bytes.text(bytes.byte())), // SHORT_BINUNICODE
  0x8d: value((bytes) => bytes.text(bytes.unsigned(8))), // BINUNICODE8
  0x54: value((bytes) => bytes.text(bytes.unsigned(4))), // BINSTRING
  0x55: value((bytes) => bytes.text(bytes.byte())), // SHORT_BINSTRING
  0x42: value((bytes) => bytes.take(bytes.unsigned(4))), // BINBYTES
  0x43: value((bytes) => bytes.take(bytes.byte())), // SHORT_BINBYTES
  0x7d: (_, machine) => {
    machine.push(new Map());
  },
  0x5d: (_, machine) => {
    machine.push([]);
  },
  0x29: tuple(0),
  0x85: tuple(1),
  0x86: tuple(2),
  0x87: tuple(3),
  0x74: (_, machine) => {
    machine.push(machine.popMark());
  },
  0x61: (_, machine) => {
    machine.append(machine.pop(1));
  },
  0x65: (_, machine) => {
    machine.append(machine.popMark());
  },
  0x73: (_, machine) => {
    machine.setItems(machine.pop(2));
  },
  0x75: (_, machine) => {
    machine.setItems(machine.popMark());
  },
  0x71: (bytes, machine) => {
    machine.remember(bytes.byte());
  },
  0x72: (bytes, machine) => {
    machine.remember(bytes.unsigned(4));
  },
  0x94: (_, machine) => {
    machine.remember();
  },
  0x68: (bytes, machine) => {
    machine.recall(bytes.byte());
  },
  0x6a: (bytes, machine) => {
    machine.recall(bytes.unsigned(4));
  },
  0x63: (bytes, machine) => {
    machine.name(bytes.line(), bytes.line()); // GLOBAL
  },
  0x93: (_, machine) => {
    machine.name(...(machine.pop(2) as [Item, Item])); // STACK_GLOBAL
  },
  0x51: (_, machine) => {
    machine.persistent();
  },
  0x52: (_, machine) => {
    machine.call();
  },
  0x62: (_, machine) => {
    machine.build();
  },
};
