// Sessions take and give typed arrays, tell failures in words; the cache of sessions makes each once; devices are
// probed.
import { afterEach, describe, expect, it } from 'vitest';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { makeGraph, makeModel, makeNode, makeTensor, makeValueInfo } from '../../../core/onnx/make.js';
import { cpuClass, instructionClass, probeDevices } from '../../../runtime/devices.js';
import { SessionCache } from '../../../runtime/session-cache.js';
import { ORT_VERSION, Session, type TensorValue } from '../../../runtime/session.js';
import { DataError, InputError, ResourceError } from '../../../schemas/errors.js';

const CPU = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

function oneNode(opType: string, types: readonly [string, string], attributes = {}): Uint8Array {
  const [from, to] = types as readonly ['float32', 'float32'];
  const table = makeTensor('table', { dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
  const input = opType === 'Gather' ? ['table', 'x'] : ['x'];
  const node = makeNode(opType, { input, output: ['y'], attributes });
  const graph = makeGraph({
    node: [node],
    input: [makeValueInfo('x', from, ['n'])],
    output: [makeValueInfo('y', to)],
    initializer: opType === 'Gather' ? [table] : [],
  });
  return joinChunks(encodeModel(makeModel(graph)));
}

const open: Session[] = [];
async function load(bytes: Uint8Array): Promise<Session> {
  const session = await Session.create(bytes, CPU);
  open.push(session);
  return session;
}
afterEach(async () => {
  for (const session of open.splice(0)) await session.release();
});

describe('a session', () => {
  it('takes and gives typed arrays, halves as their bits', async () => {
    const session = await load(oneNode('Cast', ['float32', 'float16'], { to: 10 }));
    expect([session.inputs, session.outputs]).toEqual([['x'], ['y']]);
    const x: TensorValue = { dtype: 'float32', dims: [3], data: Float32Array.of(1, -2, 70000) };
    const { y } = await session.run({ x });
    expect(y).toEqual({
      dtype: 'float16',
      dims: [3],
      data: Uint16Array.of(0x3c00, 0xc000, 0x7c00),
    });
  });

  it('refuses what is no model that ONNX Runtime can run, with its words', async () => {
    await expect(load(oneNode('NoSuchOperator', ['float32', 'float32']))).rejects.toThrow(InputError);
    await expect(load(oneNode('NoSuchOperator', ['float32', 'float32']))).rejects.toThrow(
      new RegExp(
        `Expected a model that ONNX Runtime ${ORT_VERSION.replaceAll('.', '\\.')} can run, it says: .*NoSuchOperator`,
      ),
    );
  });

  it('says which provider does not load', async () => {
    const creation = Session.create(oneNode('Neg', ['float32', 'float32']), {
      ...CPU,
      provider: 'cuda',
    });
    const error = await creation.then(
      async (session) => session.release(),
      (reason: unknown) => reason,
    );
    // On a machine with CUDA the session is made.
    if (error === undefined) return;
    expect(error).toBeInstanceOf(ResourceError);
    expect((error as Error).message).toContain('Expected the provider "cuda" to load');
    expect((error as Error).message).toContain('Set compute.device to cpu');
  });

  it('says what was fed where a pass fails', async () => {
    const session = await load(oneNode('Gather', ['int64', 'float32']));
    const x: TensorValue = { dtype: 'int64', dims: [1], data: BigInt64Array.of(9n) };
    const run = session.run({ x });
    await expect(run).rejects.toThrow(DataError);
    await expect(run).rejects.toThrow('Expected a forward pass over x int64 [1] to succeed');
  });
});

describe('the session cache', () => {
  const made: string[] = [];
  const released: string[] = [];
  const make = (name: string) => () => {
    made.push(name);
    return Promise.resolve({ release: () => Promise.resolve(void released.push(name)) });
  };

  it('makes once, keeps the ones used last, never releases one in use', async () => {
    const cache = new SessionCache(2);
    const use = (name: string, work = (): Promise<void> => Promise.resolve()): Promise<void> =>
      cache.use(name, make(name), work);
    await use('a');
    await use('b');
    await use('a');
    await use('c', async () => {
      await use('d');
      expect(released).toEqual(['b', 'a']);
      await use('e');
    });
    expect(made).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(released).toEqual(['b', 'a', 'd']);
    await cache.clear();
    expect(released).toEqual(['b', 'a', 'd', 'c', 'e']);
  });

  it('forgets one that could not be made', async () => {
    const cache = new SessionCache(2);
    const fail = (): Promise<never> => Promise.reject(new ResourceError('no memory'));
    await expect(cache.use('x', fail, () => Promise.resolve(1))).rejects.toThrow('no memory');
    expect(await cache.use('x', make('x'), () => Promise.resolve(2))).toBe(2);
  });
});

describe('devices', () => {
  it('are probed without throwing; the CPU always loads', async () => {
    const { ort, cores, cpu, providers } = await probeDevices(['cpu', 'cuda']);
    expect(ort).toBe(ORT_VERSION);
    expect(cores).toBeGreaterThan(0);
    expect(cpu).toBe(await cpuClass());
    expect(providers[0]).toEqual({ provider: 'cpu', loads: true, reason: null });
    expect(providers[1]?.loads === (providers[1]?.reason === null)).toBe(true);
  });

  it.each([
    ['x64', 'flags\t\t: fpu sse2 avx avx2 avx512f avx512_vnni', 'x64-avx512'],
    ['x64', 'flags\t\t: fpu sse2 avx avx2 fma', 'x64-avx2'],
    ['x64', 'flags\t\t: fpu sse2 avx', 'x64-avx'],
    ['x64', '', 'x64-sse2'],
    ['arm64', 'Features\t: fp asimd sve', 'arm64-sve'],
    ['arm64', '', 'arm64-neon'],
    ['riscv64', '', 'riscv64'],
  ])('%s with "%s" is of class %s', (arch, cpuinfo, expected) => {
    expect(instructionClass(arch, cpuinfo)).toBe(expected);
  });
});
