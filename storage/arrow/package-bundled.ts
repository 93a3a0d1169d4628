// apache-arrow's modules for the bundler (infra/bundle.mjs), which puts them into one file.
export * as arrow from 'apache-arrow';
