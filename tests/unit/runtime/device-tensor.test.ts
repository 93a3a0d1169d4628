// Tensors that stay on their device carry values and state unchanged from session to session, and are refused where
// they cannot go.
import { afterAll, describe, expect, it } from 'vitest';
import { InputError } from '../../../schemas/errors.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { download, releaseTransfers, upload } from '../../../runtime/transfer.js';
import { expectedSteps, residentSteps, ROWS, sgdStep } from './sgd-step.js';

afterAll(releaseTransfers);

const CPU = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const W: TensorValue = { dtype: 'float32', dims: [8, 1], data: new Float32Array(8) };

async function firstStep(session: Session) {
  const { X, y } = expectedSteps(0);
  return session.runResident({
    X: { dtype: 'float32', dims: [ROWS, 8], data: X },
    y: { dtype: 'float32', dims: [ROWS, 1], data: y },
    w: await upload(W, 'cpu'),
  });
}

describe('a tensor that stays on its device', () => {
  it('carries a state through 60 training steps, as plain arithmetic does', async () => {
    const expected = expectedSteps(60);
    const found = await residentSteps('cpu', 60);
    expect(found.onGpu).toBe(false);
    const close = (a: ArrayLike<number>, b: ArrayLike<number>): void => {
      expect(a).toHaveLength(b.length);
      for (let i = 0; i < a.length; i++) expect(Math.abs((a[i] ?? NaN) - (b[i] ?? NaN))).toBeLessThan(1e-6);
    };
    close(found.losses, expected.losses);
    close(found.w, expected.w);
    expect(found.losses.at(-1)).toBeLessThan((found.losses[0] ?? 0) / 1.2);
  });

  it('outlives the session that made it and is read by another', async () => {
    const first = await Session.create(sgdStep(), { ...CPU, resident: ['next'] });
    const { resident, values } = await firstStep(first);
    expect(Object.keys(values)).toEqual(['loss']);
    const next = resident['next'];
    await first.release();
    if (!next) throw new InputError('no tensor');
    expect([next.dtype, next.dims, next.provider]).toEqual(['float32', [8, 1], 'cpu']);
    const { X, y } = expectedSteps(0);
    const second = await Session.create(sgdStep(), CPU);
    const feeds = {
      X: { dtype: 'float32', dims: [ROWS, 8], data: X },
      y: { dtype: 'float32', dims: [ROWS, 1], data: y },
      w: next,
    } as const;
    const loss = (await second.run(feeds, ['loss']))['loss']?.data[0];
    expect(loss).toBeCloseTo(expectedSteps(2).losses[1] ?? 0, 6);
    await second.release();
  });

  it('comes back with the values that went there, in every element type that a session takes', async () => {
    const values: TensorValue[] = [
      { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1, -2, 3.5, NaN) },
      { dtype: 'int64', dims: [2], data: BigInt64Array.of(-1n, 2n ** 40n) },
      { dtype: 'float16', dims: [1, 2], data: Uint16Array.of(0x3c00, 0xc000) },
      { dtype: 'bool', dims: [], data: Uint8Array.of(1) },
    ];
    for (const value of values) expect(await download(await upload(value, 'cpu'))).toEqual(value);
  });

  it('is refused after its dispose, by a session of another provider, and as an output that leaves', async () => {
    const session = await Session.create(sgdStep(), { ...CPU, resident: ['next'] });
    const { resident } = await firstStep(session);
    const next = resident['next'];
    expect(() => next?.tensorFor('webgpu')).toThrow(
      'Expected a tensor of the provider "webgpu", got one that lies with "cpu". Download it and feed its values.',
    );
    next?.dispose();
    next?.dispose();
    expect(() => next?.tensorFor('cpu')).toThrow(InputError);
    expect(() => next?.tensorFor('cpu')).toThrow(
      'Expected a tensor that is still there, got one of float32 [8, 1] after its dispose.',
    );
    await expect(session.run({}, ['next'])).rejects.toThrow(
      'Expected outputs that leave the device, got "next". Use runResident.',
    );
    await session.release();
  });
});
