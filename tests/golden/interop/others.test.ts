// Dictionaries of sparsify, dictionary_learning, OpenAI, Gemma Scope and circuit-tracer against what those programs computed
// (make_others.py): 1,000 activations choose the same features and reconstruct alike within 1e-5. Pickles that want code are refused
// with the name they want. What sparsify can hold comes back from it within 1e-6.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TakenDictionary } from '../../../core/interop/taken-dictionary.js';
import { writeSparsify } from '../../../core/interop/write-sparsify.js';
import { encodeSafetensors } from '../../../core/tensor/safetensors.js';
import type { TakenMember } from '../../../pipeline/taken/member.js';
import { takeDictionaries } from '../../../pipeline/taken/take.js';
import { activeOf, apply, floatsOf, largestGap, recordedIn, ROWS, take } from './recorded.js';

const { cases, tensors } = recordedIn('others');
const x = floatsOf(tensors, 'x');
const layers = floatsOf(tensors, 'layers');
const folder = await mkdtemp(path.join(os.tmpdir(), 'assay-golden-others-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `set-relu.1` is layer 1 of the set at `set-relu`. */
async function memberOf(name: string): Promise<TakenMember> {
  const [place = '', layer] = name.split('.');
  const members = await take(`others/${place}${place.startsWith('sparsify') ? `/${SPARSIFY[place] ?? ''}` : ''}`);
  const found = members.find((member) => layer === undefined || member.layer === Number(layer));
  return found as TakenMember;
}

const SPARSIFY: Readonly<Record<string, string>> = {
  sparsify: 'layers.2',
  'sparsify-old': 'layers.2',
  'sparsify-older': 'layers.2',
  'sparsify-transcoder': 'h.1.mlp',
  'sparsify-skip': 'layers.1.mlp',
};

describe('dictionaries of other programs', () => {
  it.each(cases)('%s: 1,000 activations choose the same features and reconstruct alike', async (name) => {
    const { dictionary } = await memberOf(name);
    const width = dictionary.readWidths[0] ?? 0;
    const reads = name.startsWith('clt')
      ? dictionary.readWidths.map((_, l) => layers.subarray(l * ROWS * width, (l + 1) * ROWS * width))
      : [x];
    const { active, x_hat } = await apply(dictionary, reads);
    expect(active).toEqual(activeOf(tensors.get(`${name}.active`) as never));
    expect(largestGap(x_hat, floatsOf(tensors, `${name}.x_hat`))).toBeLessThan(1e-5);
  });

  it('are told apart by what is in them', async () => {
    const formats = await Promise.all(cases.map(async (name) => (await memberOf(name)).dictionary.format));
    expect(new Set(formats)).toEqual(
      new Set(['sparsify', 'dictionary_learning', 'openai', 'gemma-scope', 'circuit-tracer']),
    );
  });

  it('a circuit-tracer set has a member for each layer, with its sites', async () => {
    const members = await take('others/set-relu');
    expect(members.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    expect(members[1]?.dictionary.source).toMatchObject({
      ...{ model: 'tiny', reads: ['blocks.1.hook_resid_mid'], writes: ['blocks.1.hook_mlp_out'] },
    });
  });

  it.each(['sparsify', 'sparsify-transcoder', 'sparsify-skip', 'AutoEncoderTopK'])(
    '%s: written for sparsify and read back, it computes the same',
    async (name) => {
      const { dictionary } = await memberOf(name);
      const again = await roundTrip(dictionary, name);
      const [before, after] = [await apply(dictionary, [x]), await apply(again, [x])];
      expect(after.active).toEqual(before.active);
      expect(largestGap(after.x_hat, before.x_hat)).toBeLessThan(1e-6);
    },
  );

  it.each([
    ['a relu', 'AutoEncoder', /its kind is relu: write it with --format saelens/],
    ['one with a layer norm before it', 'openai-topk', /it transforms its input \(layernorm\)/],
    ['a cross-layer one', 'clt-relu', /its kind is relu/],
  ])('%s is refused by the writer for sparsify', async (_, name, text) => {
    const { dictionary } = await memberOf(name);
    expect(() => writeSparsify(dictionary, facts(name))).toThrow(text);
  });
});

describe('pickles', () => {
  it.each([
    ['wants-code', 'dictionary_learning.dictionary.JumpReluAutoEncoder'],
    ['wants-system', 'posix.system'],
  ])('%s is refused with what it wants to import', async (name, wanted) => {
    await expect(take(`others/${name}`)).rejects.toThrow(`wants to import "${wanted}"`);
  });
});

function facts(name: string): Parameters<typeof writeSparsify>[1] {
  return { name, model: null, contextTokens: null, prepended: null };
}

async function roundTrip(dictionary: TakenDictionary, name: string): Promise<TakenDictionary> {
  const written = writeSparsify(dictionary, facts(name));
  const place = path.join(folder, `${name}-layers.2`);
  await mkdir(place);
  await writeFile(path.join(place, 'cfg.json'), JSON.stringify(written.cfg));
  await writeFile(path.join(place, written.file), Buffer.concat(encodeSafetensors(written.tensors)));
  const [member] = await takeDictionaries({ path: place, format: 'auto', asTranscoder: false });
  return (member as TakenMember).dictionary;
}
