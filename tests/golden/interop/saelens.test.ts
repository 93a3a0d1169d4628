// Every kind that SAELens saves, in every mode of its input, against what SAELens 6.54.12 computed (make_saelens.py): 1,000
// activations choose the same features and give the same reconstruction within 1e-5. What it saves and we cannot apply is refused by
// name. Exported again and read back, every dictionary computes the same within 1e-6.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TakenDictionary } from '../../../core/interop/taken-dictionary.js';
import { writeSaelens } from '../../../core/interop/write-saelens.js';
import { encodeSafetensors } from '../../../core/tensor/safetensors.js';
import { takeDictionaries } from '../../../pipeline/taken/take.js';
import { activeOf, apply, floatsOf, largestGap, recordedIn, take } from './recorded.js';

const { cases, tensors } = recordedIn('saelens');
const x = floatsOf(tensors, 'x');
const folder = await mkdtemp(path.join(os.tmpdir(), 'assay-golden-saelens-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function only(name: string): Promise<TakenDictionary> {
  const [member, ...others] = await take(name);
  expect(others).toHaveLength(0);
  return (member as { dictionary: TakenDictionary }).dictionary;
}

describe('dictionaries that SAELens saved', () => {
  it.each(cases)('%s: 1,000 activations choose the same features and reconstruct alike', async (name) => {
    const dictionary = await only(`saelens/${name}`);
    expect(dictionary.format).toBe('saelens');
    const { active, x_hat } = await apply(dictionary, [x]);
    expect(active).toEqual(activeOf(tensors.get(`${name}.active`) as never));
    expect(largestGap(x_hat, floatsOf(tensors, `${name}.x_hat`))).toBeLessThan(1e-5);
  });

  it.each(cases)('%s: written for SAELens and read back, it computes the same', async (name) => {
    const dictionary = await only(`saelens/${name}`);
    const again = await roundTrip(dictionary, name);
    const [before, after] = [await apply(dictionary, [x]), await apply(again, [x])];
    expect(after.active).toEqual(before.active);
    expect(largestGap(after.values, before.values)).toBeLessThan(1e-6);
    expect(largestGap(after.x_hat, before.x_hat)).toBeLessThan(1e-6);
  });

  it('say where they belong, in both generations of cfg.json', async () => {
    const { source } = await only('saelens/skip_transcoder');
    expect(source).toEqual({
      ...{ kind: 'skip_transcoder', model: 'tiny', dtype: 'float32', contextTokens: 128, prepended: false },
      ...{ reads: ['blocks.1.ln2.hook_normalized'], writes: ['blocks.1.hook_mlp_out'] },
    });
    const old = await only('saelens/old-standard');
    expect(old.source).toMatchObject({
      model: 'tiny',
      reads: ['blocks.2.hook_resid_post'],
      contextTokens: 128,
      prepended: true,
    });
  });

  it.each(['matching_pursuit', 'temporal', 'abstopk'])('%s is refused by name', async (name) => {
    await expect(take(`saelens/refused/${name}`)).rejects.toThrow(
      new RegExp(`found ${name}, which this program cannot apply`),
    );
  });

  it('say that a scale which was never folded is missing', async () => {
    const { notes } = await only('saelens/standard-expected_average_only_in');
    expect(notes.join(' ')).toMatch(/If they were never folded, every number is wrong/);
    expect((await only('saelens/scaler')).notes.join(' ')).toMatch(
      /The scale 0.37 of activation_scaler.json is folded/,
    );
  });
});

async function roundTrip(dictionary: TakenDictionary, name: string): Promise<TakenDictionary> {
  const facts = { name, model: null, contextTokens: null, prepended: null };
  const written = writeSaelens(dictionary, facts);
  const place = await mkdtemp(path.join(folder, 'case-'));
  await writeFile(path.join(place, 'cfg.json'), JSON.stringify(written.cfg));
  await writeFile(path.join(place, written.file), Buffer.concat(encodeSafetensors(written.tensors)));
  const [member] = await takeDictionaries({ path: place, format: 'auto', asTranscoder: false });
  return (member as { dictionary: TakenDictionary }).dictionary;
}
