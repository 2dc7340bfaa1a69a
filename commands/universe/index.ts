export { default } from './roots.ts';
