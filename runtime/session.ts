// Inference sessions: the only way to ONNX Runtime. A session is made from a model's bytes, run with plain typed arrays and
// released by hand. `run` and `create` block the thread that calls them, so tensors belong into compute children.
import { createRequire } from 'node:module';
import type { InferenceSession as OrtSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { DataError, InputError, ResourceError } from '../schemas/errors.js';
import { inPhase } from './phase.js';
import { DeviceTensor } from './device-tensor.js';
import type { Provider } from './provider.js';

type Ort = typeof import('onnxruntime-node');
const require = createRequire(import.meta.url);
let loaded: Ort | null = null;

/** ONNX Runtime, loaded when first needed: commands and children without tensors do not pay for its native library. */
export function loadOrt(): Ort {
  if (loaded === null) {
    // Its Linux builds would report sessions to their maker and keep a database of events in the user's cache folder.
    // eslint-disable-next-line no-restricted-properties -- written for the library, which has no other switch; nothing is read from it
    process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
    loaded = require('onnxruntime-node') as Ort;
    // Its errors arrive as exceptions; what it prints besides would mix into the logs.
    loaded.env.logLevel = 'fatal';
  }
  return loaded;
}

export type Optimisation = 'disabled' | 'basic' | 'extended' | 'all';

/** Settings of a session; those without a default can change last bits and belong into keys. */
export interface SessionSettings {
  readonly provider: Provider;
  readonly threads: number;
  readonly optimisation: Optimisation;
  /** Folder from which external-data locations in the model start. */
  readonly externalFolder?: string;
  /** Whether idle threads wait spinning: a few per cent faster where nobody else wants the cores. Changes no bit; default not. */
  readonly spinning?: boolean;
  /** Outputs that stay on the device; `runResident` returns their handles. */
  readonly resident?: readonly string[];
}

/** Arrays by element type; float16 travels as its bits, int64 as bigints. */
export interface TensorArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}
export type TensorDtype = keyof TensorArrays;

/** A tensor outside the session: row-major `data` of the product of `dims` elements. */
export type TensorValue = {
  readonly [D in TensorDtype]: {
    readonly dtype: D;
    readonly dims: readonly number[];
    readonly data: TensorArrays[D];
  };
}[TensorDtype];

/** What a session reads: values, or tensors that lie on its device. */
export type Feeds = Readonly<Record<string, TensorValue | DeviceTensor>>;

/** Outputs of a run with a state: values, and handles of those that stay on the device. */
export interface ResidentOutputs {
  readonly values: Record<string, TensorValue>;
  readonly resident: Record<string, DeviceTensor>;
}

/** Version of ONNX Runtime, e.g. `1.30.0`. */
export const ORT_VERSION = (require('onnxruntime-node/package.json') as { version: string }).version;

/** One loaded model. Feeds are read in place; outputs are fresh arrays. */
export class Session {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #session: OrtSession;
  readonly #provider: Provider;
  readonly #resident: ReadonlySet<string>;

  private constructor(session: OrtSession, { provider, resident = [] }: SessionSettings) {
    this.#session = session;
    this.#provider = provider;
    this.#resident = new Set(resident);
    this.inputs = session.inputNames;
    this.outputs = session.outputNames;
  }

  /**
   * A session over the bytes of a ModelProto.
   * @throws InputError where ORT refuses the model; ResourceError where memory or the provider is missing.
   */
  static async create(model: Uint8Array, settings: SessionSettings): Promise<Session> {
    try {
      const options = sessionOptions(settings);
      const session = await inPhase('load', () => loadOrt().InferenceSession.create(model, options));
      return new Session(session, settings);
    } catch (error) {
      throw creationError(error, settings);
    }
  }

  /**
   * The named outputs (all by default, less those that stay on the device) for the given feeds.
   * @throws ResourceError where memory runs out; DataError where the graph fails on these values.
   */
  async run(
    feeds: Feeds,
    outputs: readonly string[] = this.outputs.filter((name) => !this.#resident.has(name)),
  ): Promise<Record<string, TensorValue>> {
    const stays = outputs.find((name) => this.#resident.has(name));
    if (stays !== undefined)
      throw new InputError(`Expected outputs that leave the device, got "${stays}". Use runResident.`, {
        output: stays,
      });
    return (await this.runResident(feeds, outputs)).values;
  }

  /**
   * The named outputs (all by default): values, and handles of those that stay on the device. Whoever gets a handle disposes
   * of it.
   * @throws as run
   */
  async runResident(feeds: Feeds, outputs: readonly string[] = this.outputs): Promise<ResidentOutputs> {
    const tensors = Object.entries(feeds).map(
      ([name, value]) =>
        [name, value instanceof DeviceTensor ? value.tensorFor(this.#provider) : toOrt(value)] as const,
    );
    let results: OrtSession.OnnxValueMapType;
    try {
      results = await inPhase('compute', () => this.#session.run(Object.fromEntries(tensors), [...outputs]));
    } catch (error) {
      throw runError(error, feeds);
    }
    const found = outputs.map((name) => ({ name, ...foundOutput(name, results[name]) }));
    const stays = found.filter(({ name }) => this.#resident.has(name));
    const leaves = found.filter(({ name }) => !this.#resident.has(name));
    return {
      values: Object.fromEntries(leaves.map((output) => [output.name, fromOrt(output)])),
      resident: Object.fromEntries(
        stays.map(({ name, tensor, dtype }) => [name, new DeviceTensor(tensor, dtype, this.#provider)]),
      ),
    };
  }

  /**
   * As `run`, into arrays of the caller's: every output must be given, of its exact shape.
   * @throws as run
   */
  async runInto(feeds: Feeds, outputs: Readonly<Record<string, TensorValue>>): Promise<void> {
    const tensors = Object.entries(feeds).map(
      ([name, value]) =>
        [name, value instanceof DeviceTensor ? value.tensorFor(this.#provider) : toOrt(value)] as const,
    );
    const targets = Object.entries(outputs).map(([name, value]) => [name, toOrt(value)] as const);
    try {
      await inPhase('compute', () => this.#session.run(Object.fromEntries(tensors), Object.fromEntries(targets)));
    } catch (error) {
      throw runError(error, feeds);
    }
  }

  /** Frees the session's memory; without it that waits for garbage collection. */
  async release(): Promise<void> {
    await this.#session.release();
  }
}

function sessionOptions(settings: SessionSettings): OrtSession.SessionOptions {
  return {
    executionProviders: [settings.provider],
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: settings.optimisation,
    logSeverityLevel: 4,
    ...residence(settings),
    extra: {
      // Several children share the cores; spinning threads would take them from each other.
      'session.intra_op.allow_spinning': settings.spinning === true ? '1' : '0',
      ...(settings.externalFolder !== undefined && {
        'session.model_external_initializers_file_folder_path': settings.externalFolder,
      }),
    },
  };
}

/** Only webgpu has a device memory that ONNX Runtime for Node can name. */
function residence({ provider, resident = [] }: SessionSettings): OrtSession.SessionOptions {
  if (provider !== 'webgpu' || resident.length === 0) return {};
  return {
    preferredOutputLocation: Object.fromEntries(resident.map((name) => [name, 'gpu-buffer'])),
  };
}

function toOrt(value: TensorValue): OrtTensor {
  return new (loadOrt().Tensor)(value.dtype as 'float32', value.data as Float32Array, value.dims);
}

interface FoundOutput {
  readonly dtype: TensorDtype;
  readonly tensor: OrtTensor;
}

function foundOutput(name: string, value: OrtSession.OnnxValueMapType[string] | undefined): FoundOutput {
  if (value === undefined) throw new DataError(`Expected an output "${name}", found none.`, { name });
  const { type } = value;
  if (isTensorDtype(type)) return { dtype: type, tensor: value };
  throw new InputError(
    `Expected output "${name}" of type ${TENSOR_DTYPES.join(', ')}, found ${type}. Put a Cast before it.`,
    { name, type },
  );
}

function fromOrt({ dtype, tensor: { dims, data } }: FoundOutput): TensorValue {
  const typed = data as Float32Array;
  // Where the JavaScript engine has Float16Array, ORT returns one; the project passes halves as their bits.
  const bits =
    dtype === 'float16' && !(data instanceof Uint16Array)
      ? new Uint16Array(typed.buffer, typed.byteOffset, typed.length)
      : data;
  return { dtype, dims, data: bits } as TensorValue;
}

const TENSOR_DTYPES: readonly TensorDtype[] = [
  'float32',
  'float64',
  'float16',
  'int64',
  'int32',
  'int8',
  'uint8',
  'bool',
];

function isTensorDtype(type: string): type is TensorDtype {
  return (TENSOR_DTYPES as readonly string[]).includes(type);
}

const OUT_OF_MEMORY = /bad.?alloc|failed to allocate|out of memory|cannot allocate/i;
/** What a device or the system says of itself: the values are not to blame. */
const DEVICE_FAILED =
  /\bCUDA (error|failure)|\bCU(DNN|BLAS|RAND)\w* (error|failure)|device (was )?lost|input\/output error|no space left/i;

/** ORT's message as one line without its full stop. */
function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
}

function creationError(error: unknown, settings: SessionSettings): Error {
  const message = messageOf(error);
  const details = { ...settings, ort: ORT_VERSION, message };
  const options = { cause: error };
  if (OUT_OF_MEMORY.test(message)) {
    const text = `Expected enough memory to load the model, ONNX Runtime says: ${message}. Give this process more memory or use a smaller model.`;
    return new ResourceError(text, details, options);
  }
  if (/backend not found|provider.*(not|fail)|no available backend|adapter|\.so\b.*cannot open/i.test(message)) {
    const text = `Expected the provider "${settings.provider}" to load, ONNX Runtime ${ORT_VERSION} says: ${message}. Set compute.device to cpu, or install what the provider needs.`;
    return new ResourceError(text, details, options);
  }
  const text = `Expected a model that ONNX Runtime ${ORT_VERSION} can run, it says: ${message}. Export the model anew with opset 20, eager attention and no cache.`;
  return new InputError(text, details, options);
}

function runError(error: unknown, feeds: Feeds): Error {
  const message = messageOf(error);
  const shapes = Object.entries(feeds).map(([name, f]) => `${name} ${f.dtype} [${f.dims.join(', ')}]`);
  const details = { feeds: shapes, ort: ORT_VERSION, message };
  const options = { cause: error };
  if (OUT_OF_MEMORY.test(message)) {
    const text = `Expected enough memory for a forward pass over ${shapes.join(', ')}, ONNX Runtime says: ${message}. Lower activations.batchTokens.`;
    return new ResourceError(text, details, options);
  }
  if (DEVICE_FAILED.test(message)) {
    const text = `Expected the device to do a forward pass over ${shapes.join(', ')}, ONNX Runtime says: ${message}. Look at the device and its driver, then \`assay resume\`.`;
    return new ResourceError(text, details, options);
  }
  const text = `Expected a forward pass over ${shapes.join(', ')} to succeed, ONNX Runtime says: ${message}.`;
  return new DataError(text, details, options);
}
