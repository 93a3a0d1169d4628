// apache-arrow's modules for the bundler (infra/bundle.mjs), which puts them into one file.
import * as arrow from 'apache-arrow';

export { arrow };
