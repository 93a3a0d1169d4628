// Runs models made from the exported fixtures on the recorded token ids, mask and cotangent.
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import type { ModelProto } from '../../../core/onnx/proto.js';
import { asFloat32, asIntegers } from '../../../core/tensor/safetensors.js';
import { Session, type Optimisation, type TensorValue } from '../../../runtime/session.js';
import { tensorOf, type Reference } from '../reference.js';

export type Feeds = Readonly<Record<string, TensorValue>>;
type Tensors = Reference['tensors'];

/** A session and the feeds that a fixture's reference has for it. */
export async function openFixture(
  model: ModelProto,
  reference: Tensors,
  optimisation: Optimisation = 'all',
): Promise<{
  run: (more?: Feeds) => Promise<Record<string, TensorValue>>;
  close: () => Promise<void>;
}> {
  const settings = { provider: 'cpu', threads: 1, optimisation } as const;
  const session = await Session.create(joinChunks(encodeModel(model)), settings);
  const known = recorded(reference);
  return {
    run: (more = {}) => {
      const feeds = Object.entries({ ...known, ...more });
      return session.run(Object.fromEntries(feeds.filter(([name]) => session.inputs.includes(name))));
    },
    close: () => session.release(),
  };
}

/** All outputs of a model, once. */
export async function runFixture(
  model: ModelProto,
  reference: Tensors,
  optimisation: Optimisation = 'all',
): Promise<Record<string, TensorValue>> {
  const { run, close } = await openFixture(model, reference, optimisation);
  const result = await run();
  await close();
  return result;
}

function recorded(reference: Tensors): Feeds {
  const cotangent = tensorOf(reference, 'cotangent');
  const integers = (name: string): TensorValue => {
    const tensor = tensorOf(reference, name);
    const data = BigInt64Array.from(asIntegers(tensor), BigInt);
    return { dtype: 'int64', dims: tensor.shape, data };
  };
  return {
    input_ids: integers('input_ids'),
    attention_mask: integers('attention_mask'),
    'cotangent.logits': { dtype: 'float32', dims: cotangent.shape, data: asFloat32(cotangent) },
  };
}
