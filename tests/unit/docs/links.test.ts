// What README.md and docs/ point to exists: links, headings, files of the project, commands, scripts; and the run file
// that README.md shows is a valid one.
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CLI_DOCUMENTS } from '../../../schemas/documents/documents.js';
import { runFile } from '../../../schemas/run-file.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const docs = (await readdir(path.join(root, 'docs'))).filter((name) => name.endsWith('.md'));
const pages = ['README.md', ...docs.map((name) => `docs/${name}`)];
const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await readFile(path.join(root, page), 'utf8')] as const)),
);
const textOf = (page: string): string => texts.get(page) ?? '';

/** A page without its code blocks. */
const proseOf = (page: string): string => textOf(page).replace(/```[\s\S]*?```/g, '');

/** Anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.replace(/```[\s\S]*?```/g, '').matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

const exists = (file: string): Promise<boolean> =>
  stat(path.join(root, file)).then(
    () => true,
    () => false,
  );

const FOLDERS = 'schemas|core|storage|runtime|stages|activities|workflows|workers|cli|infra|bench|tests|examples|docs';
/** A path of the project in back-ticks; `examples/kjv/data` and what a pattern or placeholder names is made later. */
const PROJECT_PATH = new RegExp(`\`((?:${FOLDERS})/[A-Za-z0-9_./-]+)\``, 'g');

describe.each(pages)('%s', (page) => {
  it('links to files and headings that exist', async () => {
    const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    for (const link of links.filter((one) => !/^https?:/.test(one))) {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
      expect(await exists(target), `${link} in ${page}`).toBe(true);
      if (anchor === undefined) continue;
      const text = texts.get(target) ?? (await readFile(path.join(root, target), 'utf8'));
      expect(anchorsOf(text), `${link} in ${page}`).toContain(anchor);
    }
  });

  it('names files and folders of the project that exist', async () => {
    const named = [...textOf(page).matchAll(PROJECT_PATH)].map((match) => match[1] ?? '');
    for (const file of named) expect(await exists(file), `${file} in ${page}`).toBe(true);
  });

  it('uses commands and scripts that exist', async () => {
    const known = Object.keys(CLI_DOCUMENTS);
    const used = [...textOf(page).matchAll(/npx assay ([a-z]+)(?: ([a-z]+))?/g)];
    for (const [text, first = '', second = ''] of used) {
      const found = known.includes(first) || known.includes(`${first} ${second}`);
      expect(found || first === 'help', `${text} in ${page}`).toBe(true);
    }
    const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const scripts = [...textOf(page).matchAll(/npm run ([a-z-]+)/g)].map((match) => match[1] ?? '');
    for (const script of scripts) expect(manifest.scripts, page).toHaveProperty(script);
  });
});

describe('README.md', () => {
  it('shows a run file that is valid', () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(textOf('README.md'))?.[1] ?? '';
    const parsed = runFile.parse(parse(yaml));
    expect(parsed.saes.map((sae) => sae.hook)).toEqual(parsed.activations.hooks);
  });

  it('links to every page of docs/', () => {
    for (const name of docs) expect(textOf('README.md')).toContain(`](docs/${name})`);
  });
});
