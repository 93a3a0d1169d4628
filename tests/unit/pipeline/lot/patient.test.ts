// Children with a run's patience are those of the worker in everything else.
import { expect, it } from 'vitest';
import { patient } from '../../../../pipeline/lot/patient.js';
import type { ComputeChildren } from '../../../../stages/stage.js';

const { signal } = new AbortController();

function children(): { readonly own: ComputeChildren; readonly told: unknown[] } {
  const told: unknown[] = [];
  const own: ComputeChildren = {
    call: (...call) => {
      told.push(call);
      return Promise.resolve('answer' as never);
    },
    stopAll: () => told.push('stop'),
    memoryLimitBytes: 77,
  };
  return { own, told };
}

it('hand calls on with the patience, and everything else as it is', async () => {
  const { own, told } = children();
  const made = patient(own, 5000);
  expect(await made.call('task', { of: 1 }, { signal })).toBe('answer');
  made.stopAll();
  expect(told).toEqual([['task', { of: 1 }, { noProgressMs: 5000, signal }], 'stop']);
  expect(made.memoryLimitBytes).toBe(77);
});

it('are the same children where the run says nothing', () => {
  const { own } = children();
  expect(patient(own, undefined)).toBe(own);
});
