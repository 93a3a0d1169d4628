// What this machine can compute on: which execution providers load, ORT's version, the CPU's instruction class.
// A probe makes a one-node session per provider, because a provider that is listed may still fail to load.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { encodeModel, joinChunks } from '../core/onnx/codec.js';
import { makeGraph, makeModel, makeNode, makeValueInfo } from '../core/onnx/make.js';
import type { Provider } from './provider.js';
import { ORT_VERSION, Session } from './session.js';

export const PROVIDERS: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];

export interface ProviderState {
  readonly provider: Provider;
  readonly loads: boolean;
  /** Why not; null where it loads. */
  readonly reason: string | null;
}

export interface Devices {
  readonly ort: string;
  /** CPU instruction class, e.g. `x64-avx512`: within one class equal inputs give equal bytes. */
  readonly cpu: string;
  readonly cores: number;
  readonly providers: readonly ProviderState[];
}

/** The providers that load here, ORT's version, instruction class and cores. Never throws for a missing provider. */
export async function probeDevices(providers: readonly Provider[] = PROVIDERS): Promise<Devices> {
  const states: ProviderState[] = [];
  for (const provider of providers) states.push(await probeProvider(provider));
  return {
    ort: ORT_VERSION,
    cpu: await cpuClass(),
    cores: availableParallelism(),
    providers: states,
  };
}

/** `auto` as it is resolved once per revision: cuda where it loads, else cpu; never webgpu. */
export async function resolveAutoProvider(): Promise<Provider> {
  return (await probeProvider('cuda')).loads ? 'cuda' : 'cpu';
}

async function probeProvider(provider: Provider): Promise<ProviderState> {
  const x = makeValueInfo('x', 'float32', [2]);
  const node = makeNode('Add', { input: ['x', 'x'], output: ['y'] });
  const graph = makeGraph({
    node: [node],
    input: [x],
    output: [makeValueInfo('y', 'float32', [2])],
  });
  const model = joinChunks(encodeModel(makeModel(graph)));
  try {
    const session = await Session.create(model, { provider, threads: 1, optimisation: 'basic' });
    const feeds = { x: { dtype: 'float32', dims: [2], data: Float32Array.of(1, 2) } } as const;
    const { y } = await session.run(feeds);
    await session.release();
    const right = y?.data[0] === 2 && y.data[1] === 4;
    return { provider, loads: right, reason: right ? null : 'its numbers are wrong' };
  } catch (error) {
    return {
      provider,
      loads: false,
      reason: error instanceof Error ? error.message : String(error),
    };
  }
}

let knownClass: Promise<string> | null = null;

/** The CPU's instruction class: architecture and the widest vector extension that ORT's kernels choose by. */
export async function cpuClass(): Promise<string> {
  return (knownClass ??= readFile('/proc/cpuinfo', 'utf8').then(
    (text) => instructionClass(process.arch, text),
    () => instructionClass(process.arch, ''),
  ));
}

/** x86: the features by which ORT's float32 matrix kernels are chosen, widest first. */
const X64_CLASSES: readonly (readonly [string, RegExp])[] = [
  ['avx512', /\bavx512f\b/],
  ['avx2', /\bavx2\b/],
  ['avx', /\bavx\b/],
];

/** Instruction class from Node's architecture name and the text of /proc/cpuinfo (empty where there is none). */
export function instructionClass(arch: string, cpuinfo: string): string {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  if (arch === 'x64') return `x64-${X64_CLASSES.find(([, flag]) => flag.test(flags))?.[0] ?? 'sse2'}`;
  if (arch === 'arm64') return /\bsve\b/.test(flags) ? 'arm64-sve' : 'arm64-neon';
  return arch;
}
