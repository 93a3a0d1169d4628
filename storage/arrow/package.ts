// apache-arrow as Node finds it: as CommonJS, because its 150 files then load in half the time that they take as ES modules. The
// bundled programs have package-bundled.ts in its place, which takes a fifth of that.
import { createRequire } from 'node:module';

export const arrow = createRequire(import.meta.url)('apache-arrow') as typeof import('apache-arrow');
