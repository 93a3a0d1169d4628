// Every kind of dictionary is whole: a name in the run file, a row, tensors of its own, a golden test over steps recorded from
// PyTorch; and its settings are needed where it uses them and refused where it does not.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { KIND_SETTINGS, settingOf } from '../../../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { checkKindSettings } from '../../../../core/dictionaries/settings.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { ARCHITECTURE_NAMES } from '../../../../schemas/dictionaries.js';
import { InputError } from '../../../../schemas/errors.js';
import { saeSection } from '../../../../schemas/sae-section.js';
import { SAE } from '../../../harness/fixtures.js';

const place = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

describe.each(ARCHITECTURE_NAMES)('the kind %s', (name) => {
  const kind = ARCHITECTURES[name];

  it('has a golden test and recorded steps', () => {
    expect(existsSync(place(`golden/sae/${name}-steps.test.ts`))).toBe(true);
    const { kinds } = JSON.parse(readFileSync(`${SAE}/steps.json`, 'utf8')) as { kinds: object };
    expect(kinds).toHaveProperty(name);
  });

  it('may be named in a run file', () => {
    expect(saeSection.shape.architecture.parse(name)).toBe(name);
  });

  it('states each tensor once, with a first value of its shape', () => {
    const sizes = { sites: oneSite(6), features: 10 };
    const start = {
      directions: (width: number, { count }: { readonly count: number }) => new Float32Array(count * width).fill(0.5),
      readMeans: [new Float64Array(6)],
      writeMeans: [new Float64Array(6)],
      settings: kind.defaults?.(sizes) ?? {},
    };
    const parameters = kind.parameters(sizes);
    expect(new Set(parameters.map((p) => p.name)).size).toBe(parameters.length);
    for (const { shape, initial } of parameters)
      expect(initial(start, { from: 0, count: shape[0] ?? 1 }).length).toBe(shape.reduce((a, b) => a * b, 1));
  });

  it('needs the settings that it uses and refuses those of other kinds', () => {
    const { uses, oneOf = [], takes = [] } = kind;
    const own = Object.fromEntries([...uses, ...oneOf.slice(0, 1)].map((setting) => [setting, 4]));
    const check = (settings: object): void => {
      checkKindSettings({ architecture: name, auxK: 0, ...settings });
    };
    expect(() => {
      check(own);
    }).not.toThrow();
    for (const setting of uses)
      expect(() => {
        check({ ...own, [setting]: undefined });
      }).toThrow(`Expected saes.${setting}: a number, as ${name} needs it`);
    for (const setting of KIND_SETTINGS.filter((one) => ![...uses, ...oneOf, ...takes].includes(one)))
      expect(() => {
        check({ ...own, [setting]: 4 });
      }).toThrow(`Expected saes.${setting}: nothing for ${name}, found 4`);
    for (const other of oneOf.slice(1))
      expect(() => {
        check({ ...own, [other]: 4 });
      }).toThrow(`one of ${oneOf.map((one) => `\`${one}\``).join(' and ')} for ${name}, found ${oneOf.join(' and ')}`);
    if (oneOf.length > 0)
      expect(() => {
        check({});
      }).toThrow('found none. add sparsity or l0');
  });
});

describe('a setting that a kind reads', () => {
  it('is an error that names it where it is missing', () => {
    expect(settingOf({ k: 3 }, 'k')).toBe(3);
    expect(() => settingOf({ k: 3 }, 'sparsity')).toThrow(InputError);
    expect(() => settingOf({ k: 3 }, 'sparsity')).toThrow('Expected a setting "sparsity"');
  });
});
