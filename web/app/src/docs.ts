/** The page at /docs: Swagger UI on the document that this server publishes. */
import 'swagger-ui-dist/swagger-ui.css';
// The bundle that brings everything; its ES build asks for Node's modules.
import SwaggerUI from 'swagger-ui-dist/swagger-ui-bundle.js';

SwaggerUI({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, docExpansion: 'none', filter: true, validatorUrl: null });
