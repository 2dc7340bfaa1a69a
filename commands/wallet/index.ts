export { default } from './balance.ts';
