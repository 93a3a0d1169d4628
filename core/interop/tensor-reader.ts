// Takes the tensors of a dictionary out of a container: by name, in the shape that is expected, a row per feature, finite. Everything
// that does not fit is told with what was expected and what was found; nothing is guessed from names.
import { nearestNames } from '../text/nearest-names.js';
import { InputError } from '../../schemas/errors.js';
import { sizeOf, type StoredTensor } from './stored-tensor.js';
import type { TakenTensor } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';

/** Values that are read at once. */
const PIECE_VALUES = 2 ** 22;

/** How a matrix of a row per feature may lie in a file: as it is, transposed, or either (its shape decides). */
export type Lies = 'rows' | 'columns' | 'either';

export interface WantedMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly lies: Lies;
}

export class TensorReader {
  readonly #container: TensorContainer;
  readonly #taken = new Set<string>();

  constructor(container: TensorContainer) {
    this.#container = container;
  }

  has(name: string): boolean {
    return this.#container.tensors.has(name);
  }

  /** What messages call the file. */
  get file(): string {
    return this.#container.name;
  }

  /** Tensors whose values nobody has taken. */
  get untaken(): string[] {
    return [...this.#container.tensors.keys()].filter((name) => !this.#taken.has(name));
  }

  /** Type of the values of a tensor. */
  typeOf(name: string): string {
    return this.#find(name).type;
  }

  /** Sizes of a tensor. @throws InputError where there is none of that name, or it has other axes */
  shapeOf(name: string, axes: number): readonly number[] {
    const { shape } = this.#find(name);
    if (shape.length === axes) return shape;
    throw this.#wrong(name, `${axes} ${axes === 1 ? 'axis' : 'axes'}`, shape);
  }

  /** @throws InputError where it has another length, or a value that is not finite */
  async vector(name: string, length: number): Promise<TakenTensor> {
    const tensor = this.#find(name);
    if (sizeOf(tensor.shape) !== length || tensor.shape.filter((n) => n !== 1).length > 1)
      throw this.#wrong(name, `[${length}]`, tensor.shape);
    return this.#take(name, { shape: [length], values: await tensor.read(0, length) });
  }

  /** A tensor of exactly that shape. */
  async whole(name: string, shape: readonly number[]): Promise<TakenTensor> {
    const tensor = this.#find(name);
    if (tensor.shape.join() !== shape.join()) throw this.#wrong(name, `[${shape.join(', ')}]`, tensor.shape);
    return this.#take(name, { shape: [...shape], values: await readWhole(tensor) });
  }

  /** One number. */
  async scalar(name: string): Promise<number> {
    return (await this.vector(name, 1)).values[0] as number;
  }

  /** A matrix as [rows, columns]. @throws InputError where it has another shape, or lies transposed and may not */
  async matrix(name: string, { rows, columns, lies }: WantedMatrix): Promise<TakenTensor> {
    const tensor = this.#find(name);
    const asRows = tensor.shape.join() === [rows, columns].join();
    const asColumns = tensor.shape.join() === [columns, rows].join();
    const stored = lies === 'columns' ? [columns, rows] : [rows, columns];
    if (!asRows && !asColumns) throw this.#wrong(name, `[${stored.join(', ')}]`, tensor.shape);
    const turned = rows === columns ? lies === 'columns' : asColumns;
    if (lies !== 'either' && turned !== (lies === 'columns')) throw this.#swapped(name, stored, tensor.shape);
    const shape = [rows, columns];
    return this.#take(name, { shape, values: await (turned ? readTurned : readWhole)(tensor) });
  }

  #find(name: string): StoredTensor {
    const tensor = this.#container.tensors.get(name);
    if (tensor) return tensor;
    const names = [...this.#container.tensors.keys()];
    const near = nearestNames(name, names);
    const remedy = near.length > 0 ? `nearest: ${near.join(', ')}` : `it has ${names.slice(0, 12).join(', ')}`;
    throw new InputError(
      `Expected a tensor "${name}" in ${this.#container.name}, found none; ${remedy}. Give the file that holds the whole dictionary, or another --format.`,
      { file: this.#container.name, tensor: name, found: names.slice(0, 50) },
    );
  }

  #take(name: string, tensor: TakenTensor): TakenTensor {
    this.#taken.add(name);
    const at = tensor.values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) return tensor;
    const [, columns = 1] = tensor.shape;
    const place = tensor.shape.length === 2 ? `${Math.floor(at / columns)}, ${at % columns}` : String(at);
    throw new InputError(
      `Expected finite weights in ${this.#container.name}, found ${name}[${place}] = ${tensor.values[at] ?? NaN}; the dictionary is damaged or its training diverged: take another checkpoint.`,
      { file: this.#container.name, tensor: name, index: at },
    );
  }

  #wrong(name: string, expected: string, shape: readonly number[]): InputError {
    return new InputError(
      `Expected tensor "${name}" of ${this.#container.name} to have the shape ${expected}, found [${shape.join(', ')}]; its tensors or its settings belong to another dictionary: give the files that were saved together.`,
      { file: this.#container.name, tensor: name, expected, found: [...shape] },
    );
  }

  #swapped(name: string, expected: readonly number[], shape: readonly number[]): InputError {
    return new InputError(
      `Expected tensor "${name}" of ${this.#container.name} to lie as [${expected.join(', ')}], found [${shape.join(', ')}]: its orientation is swapped. Save it transposed, or give the --format that it was written in.`,
      { file: this.#container.name, tensor: name, expected: [...expected], found: [...shape] },
    );
  }
}

async function readWhole(tensor: StoredTensor): Promise<Float32Array> {
  const size = sizeOf(tensor.shape);
  if (size <= PIECE_VALUES) return tensor.read(0, size);
  const values = new Float32Array(size);
  for (let at = 0; at < size; at += PIECE_VALUES)
    values.set(await tensor.read(at, Math.min(PIECE_VALUES, size - at)), at);
  return values;
}

/** [r, c] read as [c, r], some rows of the file at a time. */
async function readTurned(tensor: StoredTensor): Promise<Float32Array> {
  const [rows = 0, columns = 0] = tensor.shape;
  const values = new Float32Array(rows * columns);
  const step = Math.max(1, Math.floor(PIECE_VALUES / Math.max(1, columns)));
  for (let from = 0; from < rows; from += step) {
    const count = Math.min(step, rows - from);
    const piece = await tensor.read(from * columns, count * columns);
    for (let row = 0; row < count; row++)
      for (let column = 0; column < columns; column++)
        values[column * rows + from + row] = piece[row * columns + column] as number;
  }
  return values;
}
