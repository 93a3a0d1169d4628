// `model inspect` and `model run` on the small language model, checked against PyTorch's numbers.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
    ['--hooks logits --out x', /required option '--ids <file>'/],
  ])('%s is refused', async (options, message) => {
    await writeFile(join(folder, 'ids.json'), '[1, 2, 3]');
    const result = await runCli(['model', 'run', model, ...options.split(' ')], { cwd: folder });
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toMatch(message);
  });
});
