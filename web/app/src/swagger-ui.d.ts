declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  /** https://swagger.io/docs/open-source-tools/swagger-ui/usage/configuration/ */
  export default function SwaggerUI(options: {
    url: string; dom_id: string; deepLinking?: boolean; docExpansion?: 'none' | 'list' | 'full'; filter?: boolean; validatorUrl?: string | null;
  }): void;
}
