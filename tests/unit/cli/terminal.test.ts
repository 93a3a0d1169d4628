// What leaves for a terminal: nothing stored can steer it, lines fit at 60, 80 and 120 columns without a word broken (but for a URL,
// path or key that is longer than a line and stays whole), colours and replaced lines only where the terminal has them; a pipe gets everything whole and plain.
import { describe, expect, it } from 'vitest';
import { topText } from '../../../cli/render/top-text.js';
import { liveLineText } from '../../../cli/terminal/live-line.js';
import { printable, printableJson } from '../../../cli/terminal/printable.js';
import { tableLines, textTable } from '../../../cli/terminal/table.js';
import { layoutText } from '../../../cli/terminal/text.js';
import { cutTo, displayWidth, wrapWords } from '../../../cli/terminal/width.js';
import { controlDocument } from '../../../schemas/documents/runs.js';
import { runCli } from './harness.js';

const WIDTHS = [60, 80, 120];
const character = (code: number): string => String.fromCharCode(code);

describe('text that would steer a terminal', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
    ['links (OSC 8)', '\u001b]8;;http://x\u0007y', '\\u001b]8;;http://x\\u0007y'],
    ['C1 controls', '\u009b2J\u0090q\u009c', '\\u009b2J\\u0090q\\u009c'],
    ['going back in the line', 'good\rbad\u0008', 'good\\u000dbad\\u0008'],
    ['DEL', 'a\u007f', 'a\\u007f'],
    ['turned directions', '\u202eabc\u2066\u200f', '\\u202eabc\\u2066\\u200f'],
    ['separators of lines', 'a\u2028b', 'a\\u2028b'],
    ['lone surrogates', 'a\ud800b\udc00', 'a\\ud800b\\udc00'],
  ])('is escaped: %s', (_, text, expected) => {
    expect(printable(text)).toBe(expected);
    expect(printable(expected)).toBe(expected);
  });

  it('leaves text of all languages, emoji, tabs and line ends alone', () => {
    const text = 'אבג नमस्ते 日本語 👨‍👩‍👧 é\ta\r\nb';
    expect(printable(text)).toBe(text.replace('\r\n', '\n'));
  });

  it('is still the same in a JSON document', () => {
    const value = { id: 'a\u009b\u202e\u001b]8;;\u0007', lone: '\ud800' };
    const json = printableJson(JSON.stringify(value));
    expect(json).not.toMatch(/[\u007f-\u009f\u202e]/);
    expect(JSON.parse(json)).toEqual(value);
  });

  it('cannot leave by any code below 256, however it is printed', async () => {
    const all = Array.from({ length: 256 }, (_, code) => character(code)).join('') + '\u202e\u2028\ud800';
    // eslint-disable-next-line no-control-regex -- these must not be there
    const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e\u2028]|[\ud800-\udbff](?![\udc00-\udfff])/;
    const ways = [
      layoutText(all, { columns: 80, colour: true }),
      layoutText([textTable([{ title: all }], [[all]])], { columns: 80, colour: true }),
      layoutText([{ indent: 0, pieces: [{ text: all, strength: 0 }] }], { columns: 80, colour: true }),
      liveLineText({ name: all, share: null, parts: [all] }),
      liveLineText(all),
    ];
    for (const text of ways) expect(text.replaceAll('\n', '')).not.toMatch(steering);
    const marked = layoutText([{ indent: 0, pieces: [{ text: all, strength: 1 }] }], { columns: 80, colour: true });
    // The only escapes are our own.
    expect(marked.replaceAll('\u001b[41;97m', '').replaceAll('\u001b[0m', '').replaceAll('\n', '')).not.toMatch(
      steering,
    );
    const failed = await runCli(['pause', all.replaceAll('\u0000', '')], {
      isTTY: true,
      act: () => Promise.reject(new TypeError(all)),
    });
    const wrong = await runCli([all], { isTTY: true });
    for (const { err } of [failed, wrong]) expect(err.replaceAll('\n', '')).not.toMatch(steering);
  });
});

describe('widths', () => {
  it.each([
    ['plain', 5],
    ['日本語', 6],
    ['e\u0301', 1],
    ['👨‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['█…⏎', 3],
  ])('of %s are columns, not characters', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it('cut between characters, never inside of one', () => {
    expect(cutTo('日本語', 4)).toBe('日…');
    expect(cutTo('日本語', 6)).toBe('日本語');
    expect(cutTo('ab👨‍👩‍👧cd', 4)).toBe('ab…');
  });

  it('break at spaces, long names behind their joints, and lose nothing', () => {
    expect(wrapWords('of 3 more things', 9)).toEqual(['of 3 more', 'things']);
    expect(wrapWords('activations/blocks.2.hook_resid_post', 20)).toEqual(['activations/blocks.', '2.hook_resid_post']);
    expect(wrapWords('日本語日本語', 5)).toEqual(['日本', '語日', '本語']);
  });
});

describe('a table', () => {
  const columns = [
    { title: 'step' },
    { title: 'rows', right: true },
    { title: 'lots', right: true, spare: 1 },
    { title: 'datasets' },
  ];
  const rows = [
    ['encode@kjv-l2', '1,234,567', '12', ['kjv-l2/acts,', 'kjv-l2/postings-runs']],
    ['train@blocks.2.hook_resid_post', '5', '1', ['kjv-l2/weights,', 'kjv-l2/training', '(in hand: step 3)']],
  ];
  const table = textTable(columns, rows);

  it('pads columns and puts numbers to the right', () => {
    const small = textTable(
      [{ title: 'name' }, { title: 'rows', right: true }],
      [
        ['a', '10'],
        ['longer', '5'],
      ],
    );
    expect(tableLines(small, 80)).toEqual(['name    rows', 'a         10', 'longer     5']);
  });

  it.each(WIDTHS)('fits in %i columns, words whole', (width) => {
    const lines = tableLines(table, width);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    // Of names that are too long even a line of their own is broken, behind a joint.
    const words = lines.flatMap((line) => line.split(/ +/)).filter((word) => word !== '');
    const known = new Set(rows.flat(2).flatMap((cell) => cell.split(' ')));
    if (width >= 80)
      for (const cell of ['kjv-l2/postings-runs', 'kjv-l2/weights,', '1,234,567']) expect(words).toContain(cell);
    expect(known.has('hand:') && words.includes('hand:')).toBe(true);
  });

  const sites = textTable(
    [{ title: 'site', whole: true }, { title: 'axes' }, { title: 'shape' }, { title: 'tensor' }],
    ['blocks.0.hook_resid_post', 'blocks.10.attn.hook_attn_scores', 'ln_final.hook_normalized'].map((site) => [
      ...[site, 'batch head query key', 'batch 4 pos pos', '/model/layers.0/self_attn/Softmax_output_0'],
    ]),
  );

  it.each([...WIDTHS, 66])('has no name broken in %i columns in a column that holds them whole', (columns) => {
    const shown = tableLines(sites, columns);
    for (const line of shown) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    if (columns < 66) return;
    const words = shown.flatMap((line) => line.split(/ +/));
    for (const [site] of sites.rows) expect(words).toContain(site);
  });

  it('has whole names in its last column also where they are longer than the terminal', () => {
    const key = `data/activations/${'0123456789abcdef'.repeat(5)}.arrow`;
    const objects = textTable(
      [
        { title: 'shard', whole: true },
        { title: 'object', whole: true },
      ],
      [['fit-00000-of-00016', key]],
    );
    expect(tableLines(objects, 80)[1]).toBe(`fit-00000-of-00016  ${key}`);
  });

  it('leaves out what can be spared before it wraps, and in a pipe nothing', () => {
    expect(tableLines(table, 99)[0]).not.toContain('lots');
    const piped = tableLines(table, Infinity);
    expect(piped).toHaveLength(3);
    expect(piped[0]).toContain('lots');
    expect(piped[2]).toBe(
      'train@blocks.2.hook_resid_post          5     1  kjv-l2/weights,  kjv-l2/training  (in hand: step 3)',
    );
  });

  it('lines up wide characters', () => {
    const wide = tableLines(
      textTable(
        [{ title: 't' }, { title: 'n' }],
        [
          ['日本', '1'],
          ['ab', '2'],
        ],
      ),
      80,
    );
    expect(wide).toEqual(['t     n', '日本  1', 'ab    2']);
  });
});

describe('lines of text', () => {
  const text =
    'An error message that is long: expected one thing, found another, at a place; do this and that.\n    indented and also longer than sixty columns, which keeps its indent';

  it.each(WIDTHS)('wrap at words in %i columns', (columns) => {
    const shown = layoutText(text, { columns, colour: false });
    for (const line of shown.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
    expect(shown.split(/\s+/)).toEqual(`${text}\n`.split(/\s+/));
  });

  it.each(WIDTHS)('keep a URL, path or key whole that is longer than %i columns', (columns) => {
    const names = [
      `http://127.0.0.1:8233/namespaces/default/workflows/run%2F${'0123456789abcdef'.repeat(7)}/history`,
      `/models/müller/${'a-long-name/'.repeat(12)}model.onnx`,
      `data/activations/${'0123456789abcdef'.repeat(8)}.arrow`,
    ];
    const message = names
      .map((name) => `  here: ${name} is where it lies, as everybody knows who has looked.`)
      .join('\n');
    const shown = layoutText(message, { columns, colour: false }).split('\n');
    expect(shown.join(' ').split(/ +/)).toEqual(`${message} `.split(/\s+/));
    for (const line of shown) if (!names.includes(line.trim())) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
    // A sentence without spaces is no name.
    const sentence = '長'.repeat(columns);
    expect(layoutText(sentence, { columns, colour: false })).toBe(`${'長'.repeat(columns / 2)}\n`.repeat(2));
  });

  it('are whole in a pipe', () => {
    expect(layoutText(text, { columns: Infinity, colour: false })).toBe(`${text}\n`);
  });
});

describe('examples of a feature', () => {
  const tokens = ['the', ' LORD', '\nGod', ' of', ' Is', 'ra', 'el'];
  const top = (repeat: number) => ({
    ...{ dict: 'r/d', feature: 3, n: 1, density: 0.5, label: null, unbeaten: [] },
    promoted: null,
    neighbours: null,
    topTokens: [
      { id: 7, token: ' LORD\n', n: 1200 },
      { id: 9, token: null, n: 3 },
    ],
    examples: [
      {
        ...{ doc: 0, docId: 'a\u001b[2J', split: 'test' as const, pos: 1, start: 0, value: 2 },
        tokens: Array.from({ length: repeat }, () => tokens).flat(),
        values: Array.from({ length: repeat }, () => [0, 2, 1, 0, 0, 1, 0]).flat(),
      },
    ],
  });

  it('stand in guillemets where there are no colours', () => {
    const shown = layoutText(topText(top(1)), { columns: Infinity, colour: false });
    expect(shown).toContain('the« LORD»«⏎God» of Is«ra»el\n');
    expect(shown).toContain('fires on 1 row (');
    expect(shown).toContain('\nmost often on "␣LORD\\n"×1,200, #9×3\n');
    expect(shown).toContain('a\\u001b[2J, token 1');
  });

  it('are coloured by strength on a terminal', () => {
    // 2 / 2 = 1: strongest style; 1 / 2 = 0.5: the middle one
    expect(layoutText(topText(top(1)), { columns: Infinity, colour: true })).toContain(
      'the\u001b[41;97m LORD\u001b[0m\u001b[43;30m⏎God\u001b[0m of',
    );
  });

  it.each(WIDTHS)('break between words in %i columns, colours within each line', (columns) => {
    for (const colour of [true, false]) {
      const lines = layoutText(topText(top(9)), { columns, colour })
        .split('\n')
        .slice(3, -1);
      expect(lines.length).toBeGreaterThan(1);
      for (const line of lines) {
        // eslint-disable-next-line no-control-regex -- our own colours
        const plain = line.replace(/\u001b\[[0-9;]*m/g, '');
        expect(displayWidth(plain)).toBeLessThanOrEqual(columns);
        expect(plain).toMatch(/^ {10}\S/);
        // A word's tokens stay together.
        expect(plain).not.toMatch(/Is$|^ *(«ra|ra|el)/);
        expect(line.lastIndexOf('\u001b[0m')).toBeGreaterThanOrEqual(line.lastIndexOf('\u001b[4'));
      }
    }
  });
});

describe('the line of progress', () => {
  const line = {
    name: 'train',
    share: 0.5,
    parts: ['0 / 1', 'step 812 of 1464', { spare: '23.4 steps/s' }, '30 s left', '2 quarantined'],
  };

  it.each([59, ...WIDTHS])('shows the time left in %i columns', (columns) => {
    const shown = liveLineText(line, columns);
    expect(displayWidth(shown)).toBeLessThanOrEqual(columns);
    expect(shown).toContain('step 812 of 1464');
    expect(shown).toContain('30 s left');
    expect(shown).toContain('2 quarantined');
  });

  it('has its whole bar where there is room', () => {
    expect(liveLineText(line)).toBe(
      `train        ${'█'.repeat(10)}${'░'.repeat(10)} 0 / 1  step 812 of 1464  23.4 steps/s  30 s left  2 quarantined`,
    );
  });
});

describe('colours and progress', () => {
  it.each([
    [{ TERM: 'xterm' }, true, true],
    [{ TERM: 'xterm', NO_COLOR: '1' }, false, true],
    [{ TERM: 'dumb' }, false, false],
  ])('with %j', async (environment, coloured, live) => {
    const result = await runCli(['pause', 'kjv'], {
      isTTY: true,
      environment: environment,
      act: ({ output }) => {
        output.progress('half');
        output.result(controlDocument, { run: 'r', action: 'pause' }, () => [
          { indent: 0, pieces: [{ text: 'x', strength: 1 }] },
        ]);
        return Promise.resolve(0);
      },
    });
    expect(result.out.includes('\u001b[')).toBe(coloured);
    expect(result.err.includes('half')).toBe(live);
  });
});

it('a table of more rows than a call may have arguments is laid out', () => {
  const table = textTable(
    [{ title: 'shard' }, { title: 'why', spare: 1 }],
    Array.from({ length: 150_000 }, () => ['a', 'b']),
  );
  expect(tableLines(table, 80)).toHaveLength(150_001);
});
