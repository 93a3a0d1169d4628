// To a device and back. Both ways go through a session of one Identity node, because that is the one way that every provider
// of ONNX Runtime for Node has. Sessions are kept per provider and element type.
import { encodeModel, joinChunks } from '../core/onnx/codec.js';
import type { DataTypeName } from '../core/onnx/data-type.js';
import { makeGraph, makeModel, makeNode, makeValueInfo } from '../core/onnx/make.js';
import type { DeviceTensor } from './device-tensor.js';
import type { Provider } from './provider.js';
import { Session, type TensorValue } from './session.js';

const sessions = new Map<string, Promise<Session>>();

/** The tensor's values. @throws as Session.run */
export async function download(tensor: DeviceTensor): Promise<TensorValue> {
  const session = await identity(tensor.provider, tensor.dtype, 'down');
  const { y } = await session.run({ x: tensor });
  return y as TensorValue;
}

/** The values on the provider's device. @throws as Session.run */
export async function upload(value: TensorValue, provider: Provider): Promise<DeviceTensor> {
  const session = await identity(provider, value.dtype, 'up');
  const { resident } = await session.runResident({ x: value });
  return resident['y'] as DeviceTensor;
}

/** Frees what transfers keep. */
export async function releaseTransfers(): Promise<void> {
  const kept = [...sessions.values()];
  sessions.clear();
  for (const session of kept) await (await session).release();
}

async function identity(provider: Provider, dtype: DataTypeName, way: 'up' | 'down'): Promise<Session> {
  const key = `${provider} ${dtype} ${way}`;
  let session = sessions.get(key);
  if (session === undefined) {
    const graph = makeGraph({
      node: [makeNode('Identity', { input: ['x'], output: ['y'] })],
      input: [makeValueInfo('x', dtype)],
      output: [makeValueInfo('y', dtype)],
    });
    const model = joinChunks(encodeModel(makeModel(graph)));
    const settings = { provider, threads: 1, optimisation: 'disabled' } as const;
    session = Session.create(model, { ...settings, resident: way === 'up' ? ['y'] : [] });
    sessions.set(key, session);
    session.catch(() => sessions.delete(key));
  }
  return session;
}
