// The kernels of dictionaries (kernels/*.ts, compiled to WebAssembly) with a memory of their own: arrays are given out once and
// stay. ONNX Runtime reads and writes the same memory, so that nothing is copied between the two.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ResourceError } from '../../schemas/errors.js';
import { packageRoot } from '../package-root.js';

const PAGE = 65_536;
/** Kernels keep nothing of their own below this address; 0 stands for "none". */
const START = 1024;
/** WebAssembly addresses 4 GiB. */
export const KERNEL_BYTES = 65_535 * PAGE;

type Kernel = (...values: number[]) => number;
/** Exported functions; addresses and numbers in, a count or a sum out. */
export type KernelFunctions = Readonly<Record<KernelName, Kernel>>;
type KernelName =
  | 'scanTop'
  | 'scanTopMarked'
  | 'scanTopScaled'
  | 'scanTopListed'
  | 'shiftListed'
  | 'rescoreTop'
  | 'copyMarked'
  | 'maskRows'
  | 'gatherRows'
  | 'maskBy'
  | 'finishTop'
  | 'mergeTop'
  | 'scanAbove'
  | 'keepRows'
  | 'byFeature'
  | 'startsOf'
  | 'byRow'
  | 'pick'
  | 'decode'
  | 'pairDots'
  | 'gradientRows'
  | 'updateRows'
  | 'coastRows'
  | 'updateDense'
  | 'setAdam'
  | 'setClip'
  | 'setBytes'
  | 'residual'
  | 'addColumns'
  | 'addShifted'
  | 'subtractFromRows'
  | 'columnSums'
  | 'addTo'
  | 'rowNorms'
  | 'quantiseRows'
  | 'transposeBytes';

let compiled: WebAssembly.Module | null = null;

/** The compiled kernels; a thread takes them from the one that made it. */
export function kernelModule(): WebAssembly.Module {
  return (compiled ??= compile());
}

function compile(): WebAssembly.Module {
  const file = path.join(packageRoot(), 'dist', 'kernels', 'kernels.wasm');
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch (error) {
    const text = `Expected the compiled kernels at ${file}, found none that can be read. Run \`npm run build\`.`;
    throw new ResourceError(text, { file }, { cause: error });
  }
  return new WebAssembly.Module(bytes);
}

/** A typed array inside a kernel memory, with its address. */
export interface KernelArray<T> {
  readonly address: number;
  readonly data: T;
}

/** A memory of fixed size and the kernels over it. */
export class Kernels {
  readonly run: KernelFunctions;
  readonly #buffer: ArrayBuffer;
  #next = START;

  /** @param bytes room for all arrays @throws ResourceError above 4 GiB, or where the system has no such memory */
  constructor(bytes: number, module: WebAssembly.Module = kernelModule()) {
    const pages = Math.ceil((START + bytes) / PAGE) + 1;
    if (pages * PAGE > KERNEL_BYTES) {
      const text = `Expected at most ${KERNEL_BYTES} bytes for one slice of a dictionary, got ${bytes}. Give the dictionary more slices.`;
      throw new ResourceError(text, { bytes, most: KERNEL_BYTES });
    }
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch (error) {
      const text = `Expected ${bytes} bytes of memory for a dictionary, the system has none. Train fewer features at once, or give this process more memory.`;
      throw new ResourceError(text, { bytes }, { cause: error });
    }
    this.#buffer = memory.buffer;
    const abort = (): never => {
      throw new ResourceError('Expected a kernel to end, it aborted.');
    };
    const instance = new WebAssembly.Instance(module, { env: { memory, abort } });
    this.run = instance.exports as unknown as KernelFunctions;
  }

  /** Zeros. */
  floats(length: number): KernelArray<Float32Array> {
    const address = this.#take(4 * length);
    return { address, data: new Float32Array(this.#buffer, address, length) };
  }

  doubles(length: number): KernelArray<Float64Array> {
    const address = this.#take(8 * length);
    return { address, data: new Float64Array(this.#buffer, address, length) };
  }

  words(length: number): KernelArray<Uint32Array> {
    const address = this.#take(4 * length);
    return { address, data: new Uint32Array(this.#buffer, address, length) };
  }

  integers(length: number): KernelArray<Int32Array> {
    const address = this.#take(4 * length);
    return { address, data: new Int32Array(this.#buffer, address, length) };
  }

  bytes(length: number): KernelArray<Uint8Array> {
    const address = this.#take(length);
    return { address, data: new Uint8Array(this.#buffer, address, length) };
  }

  keys(length: number): KernelArray<BigUint64Array> {
    const address = this.#take(8 * length);
    return { address, data: new BigUint64Array(this.#buffer, address, length) };
  }

  /** Rounded to 64 bytes: vectors of 16 bytes begin at whole cache lines. */
  #take(bytes: number): number {
    const address = this.#next;
    this.#next += roomFor(bytes);
    if (this.#next <= this.#buffer.byteLength) return address;
    const text = `Expected kernels to use the ${this.#buffer.byteLength} bytes that were planned, they need ${this.#next}.`;
    throw new ResourceError(text, { bytes: this.#buffer.byteLength, needed: this.#next });
  }
}

/** Bytes that an array of so many bytes takes of a kernel memory. */
export function roomFor(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
