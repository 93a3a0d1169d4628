// Dictionaries that are measured together are known and write different sites, before anything is stored.
import { expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { tinyRun } from '../../../harness/tiny-run.js';

const hooks = ['blocks.1.hook_resid_post', 'blocks.2.hook_resid_post'];
const sae = { features: 64, k: 4, tokens: 10_000 };
const saes = [
  { ...sae, name: 'a', hook: hooks[0] },
  { ...sae, name: 'b', hook: hooks[1] },
  { ...sae, name: 'c', hook: hooks[1] },
];
const resolve = (together: readonly (readonly string[])[]): ReturnType<typeof tinyRun> =>
  tinyRun({ activations: { hooks }, saes, evaluation: { together } });

it.each([
  {
    together: [
      ['a', 'b'],
      ['a', 'zz'],
    ],
    text: 'evaluation.together[1]: Expected dictionaries of kjv to measure together, found "zz", which is none; it has a, b, c.',
  },
  {
    together: [['b', 'c']],
    text: 'evaluation.together[0]: Expected dictionaries that write different sites to be measured together, found blocks.2.hook_resid_post written by b and by c. Leave one of them out.',
  },
])('$together is refused with its field', async ({ together, text }) => {
  await expect(resolve(together)).rejects.toThrow(InputError);
  await expect(resolve(together)).rejects.toThrow(text);
});

it('lists that fit are taken', async () => {
  expect((await resolve([['a', 'c']])).file.evaluation?.together).toEqual([['a', 'c']]);
});
