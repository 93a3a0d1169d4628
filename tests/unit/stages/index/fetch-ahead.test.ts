// Things fetched ahead come in order, once each, within the bound, and fail only when they are asked for.
import { describe, expect, it } from 'vitest';
import { FetchAhead } from '../../../../stages/index/fetch-ahead.js';

describe('what is fetched ahead', () => {
  it('comes in order, each thing fetched once, at most three before they are asked for', async () => {
    const fetched: number[] = [];
    const ahead = new FetchAhead(10, (index) => {
      fetched.push(index);
      return Promise.resolve(index * 2);
    });
    for (let index = 0; index < 10; index++) {
      expect(await ahead.take(index)).toBe(index * 2);
      expect(fetched).toEqual(Array.from({ length: Math.min(10, index + 4) }, (_, i) => i));
    }
    await ahead.settled();
  });

  it('fails when it is asked for, not before', async () => {
    const ahead = new FetchAhead(3, (index) =>
      index === 2 ? Promise.reject(new Error('gone')) : Promise.resolve(index),
    );
    expect(await ahead.take(0)).toBe(0);
    expect(await ahead.take(1)).toBe(1);
    await expect(ahead.take(2)).rejects.toThrow('gone');
    await ahead.settled();
  });
});
