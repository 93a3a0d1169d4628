// A body that breaks off is read to its end or told: an object that was replaced meanwhile is there, and never reads as absent.
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import { readBody, type BodyPart, type BodyRequest } from '../../../../storage/objects/s3-body.js';
import { failureOf } from '../../../harness/failure-of.js';

type Answer = BodyPart | 'replaced' | null;

function read(answers: readonly Answer[], asked: (string | undefined)[] = []): Promise<Uint8Array | null> {
  const left = [...answers];
  const open: BodyRequest['open'] = (_, etag) => {
    asked.push(etag);
    return Promise.resolve(left.shift() ?? null);
  };
  const call = { operation: 'read', key: 'runs/r/1/plan.json', url: 's3://bucket' };
  return readBody({ open, call, stallMs: 1000, attempts: 3, signal: undefined });
}

const part = (text: string, bytes: number, etag: string): BodyPart => ({
  body: Readable.from(text === '' ? [] : [Buffer.from(text)]),
  ...{ bytes, etag },
});

describe('the body of an object', () => {
  it('that is replaced before its first byte came is that of the new one', async () => {
    const asked: (string | undefined)[] = [];
    const content = await read([part('', 3, 'old'), 'replaced', part('new', 3, 'new')], asked);
    expect(Buffer.from(content ?? []).toString()).toBe('new');
    expect(asked).toEqual([undefined, 'old', undefined]);
  });

  it('that is replaced when half of it was read is told', async () => {
    const error = await failureOf(read([part('ol', 3, 'old'), 'replaced']));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain('it was removed or replaced');
  });

  it('that is not there is null', async () => {
    expect(await read([null])).toBeNull();
  });
});
