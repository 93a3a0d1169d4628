// What `model train --dry-run` says of the copies that --out asks for: where they would go, model by model.
import { describe, expect, it } from 'vitest';
import { trainText } from '../../../cli/render/train-text.js';

type Document = Parameters<typeof trainText>[0];

function document(dryRun: boolean): Document {
  const entry = (model: string, state: string): object => ({
    ...{ model, state, architecture: 'gpt2', parameters: 10, steps: 4, step: 0, tokens: 40, memoryBytes: 1, key: null },
    ...{ losses: { fit: null, calib: null, test: null }, error: state === 'failed' ? { message: 'NaN' } : null },
  });
  return {
    ...{ training: 'pair', revision: 1, store: 'file:///s', dryRun, finished: true, written: [] },
    models: [entry('there', 'done'), entry('next', 'open'), entry('broken', 'failed')],
  } as unknown as Document;
}

const lines = (of: Document, out?: string): readonly unknown[] => [trainText(of, out)].flat();

describe('a dry run', () => {
  it('says where the copies of finished models would go, and that nothing was written', () => {
    const told = lines(document(true), '/copies');
    expect(told.slice(-3)).toEqual([
      'there would be written to /copies/there',
      'next would be written to /copies/next once it is finished',
      'Nothing was written.',
    ]);
    expect(told.join('\n')).not.toContain('/copies/broken');
  });

  it('says nothing of copies that nobody asked for, and a training names those that it wrote alone', () => {
    expect(lines(document(true)).join('\n')).not.toContain('would be');
    expect(lines(document(false), '/copies').join('\n')).not.toContain('would be');
  });
});
