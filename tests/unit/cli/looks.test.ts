// A look at something that changes takes the place of the one before on a terminal, and is written once in a pipe.
import { describe, expect, it } from 'vitest';
import { createOutput } from '../../../cli/output.js';
import { controlDocument } from '../../../schemas/documents/runs.js';
import { stringIo } from './harness.js';

describe('looks at something that changes', () => {
  const watch = (options: { isTTY: boolean; environment?: Record<string, string> }): string => {
    const texts = { out: '', err: '' };
    const output = createOutput(stringIo(texts, options), { json: false });
    for (const text of ['one\ntwo', 'one\ntwo', 'three']) output.redraw(text);
    output.result(controlDocument, { run: 'r', action: 'pause' }, () => 'done');
    return texts.out;
  };

  it('take the place of the one before on a terminal, without clearing it', () => {
    const up = (lines: number): string => `\r\u001b[${lines}A\u001b[J`;
    expect(watch({ isTTY: true })).toBe(`one\ntwo\n${up(2)}one\ntwo\n${up(2)}three\n${up(1)}done\n`);
  });

  it('are written when they are new in a pipe and on a terminal that cannot move its cursor', () => {
    expect(watch({ isTTY: false })).toBe('one\ntwo\nthree\ndone\n');
    expect(watch({ isTTY: true, environment: { TERM: 'dumb' } })).toBe('one\ntwo\nthree\ndone\n');
  });

  it('count the lines of the screen that a long name takes', () => {
    const texts = { out: '', err: '' };
    const output = createOutput(stringIo(texts, { isTTY: true, columns: 80 }), { json: false });
    output.redraw(`at\n/${'x'.repeat(199)}`);
    output.redraw('short');
    // 1 line and 200 / 80 = 2.5 of the screen.
    expect(texts.out.endsWith('\u001b[4A\u001b[Jshort\n')).toBe(true);
  });

  it('are cut where they are higher than the terminal', () => {
    const texts = { out: '', err: '' };
    const output = createOutput(stringIo(texts, { isTTY: true }), { json: false });
    const long = Array.from({ length: 40 }, (_, i) => `line ${i}`).join('\n');
    output.redraw(long);
    // 24 rows of the terminal, one of them for the cursor.
    expect(texts.out.trimEnd().split('\n')).toHaveLength(23);
    expect(texts.out).toContain('… 18 more lines');
    output.redraw('short');
    expect(texts.out.endsWith('\u001b[23A\u001b[Jshort\n')).toBe(true);
  });
});
