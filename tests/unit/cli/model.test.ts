// `model inspect` and `model run` on the small language model, checked against PyTorch's numbers.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { asFloat32, asIntegers, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { modelInspectDocument, modelRunDocument } from '../../../schemas/documents/models.js';
import { runCli } from './harness.js';
import { TINY_LM, TOKENIZER } from '../../harness/fixtures.js';
import { SITE } from './pipeline.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const folder = temporaryFolder('cli-model');

const model = join(TINY_LM, 'model.onnx');

describe('model inspect', () => {
  it('tells layers, widths and sites', async () => {
    const result = await runCli(['model', 'inspect', model, '--json']);
    const document = modelInspectDocument.parse(result.json());
    expect(document).toMatchObject({
      layers: 4,
      width: 128,
      vocabulary: 4096,
      positions: 128,
      outputs: ['logits'],
    });
    expect(document.sites.map((site) => site.site)).toContain(SITE);
    expect((await runCli(['model', 'inspect', model])).out).toContain(SITE);
  });

  it('refuses a file that is no ONNX model', async () => {
    const result = await runCli(['model', 'inspect', TOKENIZER]);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain('tokenizer.json');
  });
});

describe('model run', () => {
  it('takes ids from standard input, and a text with the tokenizer that lies beside the model', async () => {
    const text = 'In the beginning God created the heaven';
    const { ids } = new Tokenizer(await readFile(TOKENIZER)).encode(text);
    const run = async (given: string[], stdin = ''): Promise<Buffer> => {
      const argv = ['model', 'run', ...given, '--hooks', 'hook_embed', '--out', 'given.safetensors'];
      const result = await runCli(argv, { cwd: folder, stdin });
      expect(result, result.err).toMatchObject({ code: 0, err: '' });
      return readFile(join(folder, 'given.safetensors'));
    };
    const expected = await run([model, '--ids', '-'], JSON.stringify([...ids]));
    expect(await run([TINY_LM, '--text', text])).toEqual(expected);
    expect(await run([model, '--text', '-', '--tokenizer', TOKENIZER], `${text}\n`)).toEqual(expected);
  });

  it("writes the sites' values as PyTorch has them", async () => {
    const reference = decodeSafetensors(await readFile(join(TINY_LM, 'reference.safetensors')));
    const tensor = (name: string) => {
      const found = reference.get(name);
      if (!found) throw new TypeError(name);
      return found;
    };
    const ids = asIntegers(tensor('input_ids'));
    await writeFile(join(folder, 'ids.json'), JSON.stringify([ids.slice(0, 64), ids.slice(64)]));
    const argv = [
      'model',
      'run',
      model,
      '--ids',
      'ids.json',
      '--hooks',
      'blocks.*.hook_resid_post,logits',
      '--out',
      'out.safetensors',
    ];
    const result = await runCli([...argv, '--json'], { cwd: folder });
    expect(result, result.err).toMatchObject({ code: 0, err: '' });
    const document = modelRunDocument.parse(result.json());
    expect(document.tensors.length).toBe(5);
    const written = decodeSafetensors(await readFile(document.file));
    for (const { name, shape } of document.tensors) {
      const [got, expected] = [asFloat32(written.get(name) ?? tensor('none')), asFloat32(tensor(name))];
      expect(shape).toEqual(tensor(name).shape);
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(got.every((value, i) => Math.abs(value - (expected[i] ?? NaN)) <= 1e-4 * largest)).toBe(true);
    }
  });

  it.each([
    ['--ids none.json --hooks logits --out x', /Expected a JSON file with token ids at .*none\.json/],
    ['--ids ids.json --hooks blocks.9.hook_resid_post --out x', /blocks\.\d\.hook_resid_post/],
    ['--ids ids.json --hooks logits --out none/x', /Expected to write .*none\/x, cannot \(ENOENT\)/],
    ['--hooks logits --out x', /Expected one of --ids <file> and --text <text>, got neither/],
    ['--ids ids.json --text a --hooks logits --out x', /Expected one of --ids <file> and --text <text>, got both/],
    ['--ids ids.json --tokenizer t.json --hooks logits --out x', /Expected --tokenizer beside --text/],
    ['--ids - --mask - --hooks logits --out x', /Expected standard input \(-\) for one option/],
    ['--ids ids.json --mask mask.json --hooks logits --out x', /Expected --mask as 1 rows of 3, like the token ids/],
    ['--ids ids.json --mask twos.json --hooks logits --out x', /Expected --mask of 0 and 1 alone, found 2/],
    [
      '--ids ids.json --mask ones.json --hooks logits --out x',
      /depend on the input attention_mask, found only input_ids/,
    ],
    ['--ids ids.json --positions 0 --hooks logits --out x', /depend on the input position_ids, found only input_ids/],
    ['--text a --tokenizer none.json --hooks logits --out x', /Cannot read the tokenizer .*none\.json/],
  ])('%s is refused', async (options, message) => {
    await writeFile(join(folder, 'ids.json'), '[1, 2, 3]');
    await writeFile(join(folder, 'mask.json'), '[1, 1]');
    await writeFile(join(folder, 'ones.json'), '[1, 1, 1]');
    await writeFile(join(folder, 'twos.json'), '[1, 2, 1]');
    const result = await runCli(['model', 'run', model, ...options.split(' ')], { cwd: folder });
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toMatch(message);
  });
});
