# Every word of the pages, in Spanish (usted).

## Every page

skip-to-content = Ir al contenido
title = { $page } – { $product }
title-error = Error: { $page } – { $product }
reference = Referencia
continue = Continuar
use-another-account = Usar otra cuenta
return-to = Volver a <bdi>{ $client }</bdi>
language-label = Idioma
language-change = Cambiar
links = Enlaces
link-help = Ayuda
link-privacy = Privacidad
link-terms = Condiciones de uso
password-show = Mostrar la contraseña
password-hide = Ocultar la contraseña

## Sign in

sign-in-heading = Iniciar sesión
sign-in-to-continue = para continuar a <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-title = Confirme que es usted
sign-in-again-heading = Confirme que es usted, <bdi>{ $account }</bdi>
sign-in-again = Introduzca de nuevo su contraseña para continuar a <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-or-passkey = Introduzca de nuevo su contraseña, o use una clave de acceso, para continuar a <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-username = Nombre de usuario
sign-in-password = Contraseña
sign-in-submit = Iniciar sesión

passkey-use = Usar una clave de acceso
passkey-cancelled = No se ha usado ninguna clave de acceso. Inténtelo de nuevo o elija otra forma.
passkey-failed = Este navegador no puede usar claves de acceso aquí. Elija otra forma.
passkey-needs-script = Para usar su clave de acceso, active JavaScript en esta página, en un navegador que conozca las claves de acceso.

problem-heading = Hay un problema
problem-credentials = El nombre de usuario o la contraseña no son correctos. Compruebe ambos e inténtelo de nuevo.
problem-password = La contraseña no es correcta. Compruébela e inténtelo de nuevo.
problem-username-missing = Introduzca su nombre de usuario.
problem-password-missing = Introduzca su contraseña.
problem-throttled = Demasiados intentos. { $minutes ->
    [one] Espere { $minutes } minuto
    [many] Espere { $minutes } de minutos
   *[other] Espere { $minutes } minutos
 } e inténtelo de nuevo.
problem-passkey = Esta clave de acceso no se ha aceptado. Inténtelo de nuevo o elija otra forma.
problem-busy = Demasiadas personas están iniciando sesión en este momento. Espere un momento e inténtelo de nuevo.

## A second factor

second-factor-passkey-heading = Confirme con su clave de acceso
second-factor-heading = Introduzca su código
second-factor-account = Va a iniciar sesión como <strong><bdi>{ $account }</bdi></strong>
second-factor-code = Código de su app de autenticación
second-factor-use-recovery-code = Usar un código de recuperación
second-factor-recovery-code = Código de recuperación
second-factor-recovery-submit = Usar este código de recuperación
problem-code = Este código no es correcto o ya se usó. Espere al siguiente e inténtelo de nuevo.
problem-code-missing = Introduzca los 6 dígitos que muestra su app de autenticación.
problem-recovery-code = Este código de recuperación no es correcto o ya se usó.
problem-recovery-code-missing = Introduzca uno de sus códigos de recuperación: 16 letras y cifras.

enrol-heading = Configurar una app de autenticación
enrol-explanation = <strong><bdi>{ $account }</bdi></strong> necesita algo más que una contraseña. Escanee esto con una app de autenticación e introduzca el código que muestra.
enrol-choice-heading = Añada una segunda forma de demostrar que es usted
enrol-choice-explanation = <strong><bdi>{ $account }</bdi></strong> necesita aquí algo más que una contraseña. Añada otra forma de confirmar que es usted.
enrol-scan = Escanee esto con una app de autenticación e introduzca el código que muestra.
enrol-qr = Código QR para su app de autenticación
enrol-type = Si no puede escanearlo, escriba esta clave en la app:
enrol-code = Código que muestra la app
problem-enrolment-over = Esta página estuvo abierta demasiado tiempo. Escanee el nuevo código QR e introduzca el código que muestra la app.

offer-heading = Proteja mejor su cuenta
offer-explanation = <strong><bdi>{ $account }</bdi></strong> solo está protegida por una contraseña. Quien la averigüe puede iniciar sesión. Un código de su teléfono lo impide.
offer-not-now = Ahora no

recovery-codes-heading = Guarde sus códigos de recuperación
recovery-codes-explanation = Cada uno le permite iniciar sesión una vez, en lugar de su app de autenticación. Solo los verá esta vez.
recovery-codes-advice = Imprímalos o anótelos, y guárdelos donde solo usted los encuentre.
recovery-codes-saved = Ya los he guardado

## A password, by a link

recover-link = He olvidado la contraseña
recover-heading = Recupere el acceso a su cuenta
recover-explanation = Escriba el nombre con el que inicia sesión o su dirección de correo. Enviamos un enlace para elegir de nuevo cómo inicia sesión.
recover-account = Nombre de usuario o dirección de correo
recover-submit = Enviar el enlace
problem-recover-missing = Escriba su nombre de usuario o su dirección de correo.
recovery-asked-heading = Mire su correo
recovery-asked-explanation = Si hay una cuenta con ese nombre o esa dirección, y conocemos una dirección de correo de su titular, un enlace va de camino. Funciona una vez, durante 30 minutos.
recovery-asked-advice = Si no llega nada, mire en el correo no deseado, compruebe lo que ha escrito y pregunte a quien gestiona este servicio.

first-sign-in-heading = Elija cómo iniciar sesión
first-password-heading = Elija una contraseña
new-password-heading = Elija una contraseña nueva
new-password-ends = Esto cierra su sesión en todos los demás sitios, y las aplicaciones pierden su acceso hasta que usted lo permita de nuevo.
new-password-label = Contraseña nueva
new-password-again = Contraseña nueva, otra vez
new-password-advice = Al menos { $minimum } caracteres. Unas cuantas palabras seguidas son fáciles de recordar.
new-password-end-others = Cerrar las demás sesiones y terminar lo concedido a las aplicaciones. Volverán a pedirlo.
new-password-submit = Establecer la contraseña
problem-new-password-missing = Escriba una contraseña nueva.
problem-new-password-differs = Las dos contraseñas no son iguales. Escriba dos veces la contraseña nueva.
problem-new-password-short = Esta contraseña es demasiado corta. Necesita al menos { $minimum } caracteres.
problem-new-password-long = Esta contraseña es demasiado larga. Elija una más corta.
problem-new-password-character = Esta contraseña contiene un carácter que no se puede escribir al iniciar sesión. Elija una que no lo tenga.
problem-new-password-common = Esta contraseña es una de las que se prueban primero. Elija otra, por ejemplo unas cuantas palabras seguidas.
problem-new-password-name = Esta contraseña es un nombre o una dirección, de usted o de este servicio. Elija una que no diga nada de ninguno de los dos.

## Choosing an account

not-admitted-heading = No puede usar esta aplicación
not-admitted-lead = <strong><bdi>{ $account }</bdi></strong> tiene la sesión iniciada aquí, y esta cuenta no puede usar <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>.
not-admitted-ask = Para obtener acceso, pregunte a:
not-admitted-ask-owner = Para obtener acceso, pregunte a quien gestiona <bdi>{ $client }</bdi>.
select-account-heading = Elija una cuenta
select-account-continue = Continuar como <strong><bdi>{ $account }</bdi></strong>

## Consent

consent-title = ¿Permitir el acceso de { $client }?
consent-heading = ¿Permitir que <bdi>{ $client }</bdi> use su cuenta?
consent-account = Usted es <strong><bdi>{ $account }</bdi></strong>
consent-resource = Usará <strong><bdi>{ $resource }</bdi></strong>
consent-asks = <bdi>{ $client }</bdi> pide permiso para
consent-asks-more = <bdi>{ $client }</bdi> pide ahora permiso también para
consent-asks-nothing = <bdi>{ $client }</bdi> no pide ningún permiso en particular.
consent-identity = Quién es usted
consent-read = Leer
consent-change = Cambiar
consent-while-away = Mientras usted no está
consent-other = Otros
consent-new = Nuevo
consent-unknown = Permiso <code><bdi>{ $scope }</bdi></code>, sin descripción
consent-unknown-warning = Nadie ha descrito qué permite esto. Permítalo solo si sabe para qué sirve.
consent-already-allowed = Ya ha permitido
consent-return = La aplicación le devolverá a <strong><bdi>{ $host }</bdi></strong>
consent-loopback = Es una aplicación de este ordenador. Permítalo solo si acaba de iniciarla usted.
consent-client-pages = Más información de <bdi>{ $client }</bdi>:
consent-allow = Permitir
consent-deny = No permitir

scope-openid = Saber que es usted
scope-profile = Ver su nombre, su foto y el resto de su perfil
scope-email = Ver su dirección de correo electrónico
scope-phone = Ver su número de teléfono
scope-address = Ver su dirección postal
scope-groups = Ver a qué grupos pertenece
scope-offline-access = Mantener el acceso mientras no usa la aplicación, hasta que usted lo quite
scope-admin-read = Ver todo lo que hay en este servidor: usuarios, aplicaciones, sesiones, claves y eventos
scope-admin-write = Cambiar todo lo que hay en este servidor: usuarios, aplicaciones, sesiones y claves
scope-scim = Crear, cambiar y eliminar usuarios y grupos

## On the way back to the app

form-post-title = Volviendo a { $client }
form-post-heading = Volviendo a <bdi>{ $client }</bdi>
form-post-explanation = Si no ocurre nada, elija «Continuar» para ir a <strong><bdi>{ $host }</bdi></strong>.

## A redirect too long for a header

go-on-heading = Un momento
go-on-explanation = Si no ocurre nada, elija «Continuar».

## A form answered before

answered-heading = Ya ha respondido
answered-explanation = Esta pregunta ya se respondió, quizá en otra pestaña. Aquí no queda nada por hacer.
answered-return-where = Vuelva a <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> para continuar.

## Signing out

sign-out-heading = ¿Cerrar sesión?
sign-out-explanation = Esto termina su sesión de { $product } en este navegador. Las aplicaciones que ha abierto pueden mantener su sesión iniciada hasta que la cierre también en ellas.
sign-out-requested = <strong><bdi>{ $client }</bdi></strong> pide cerrar su sesión de { $product } en este navegador. Otras aplicaciones que ha abierto pueden mantener su sesión iniciada hasta que la cierre también en ellas.
sign-out-told = Se avisa a estas aplicaciones, que también cierran su sesión
sign-out-return = Después volverá a <strong><bdi>{ $host }</bdi></strong>
sign-out-unverified = No se pudo verificar la solicitud de la aplicación, por lo que no se le devolverá a ella.
sign-out-submit = Cerrar sesión
sign-out-cancel = Mantener la sesión
signed-out-heading = Ha cerrado la sesión
signed-out-explanation = Su sesión de { $product } en este navegador ha terminado.
signed-out-told = También se ha cerrado su sesión en
signed-out-not-told = Es posible que su sesión siga iniciada en
signed-out-apps-in-general = Es posible que su sesión siga iniciada en aplicaciones que ha abierto. En un ordenador compartido, ciérrela también en ellas y cierre el navegador.
signed-out-not-told-advice = No se les pudo avisar. En un ordenador compartido, cierre la sesión también en ellas y cierre el navegador.

## The front door

home-explanation = Aquí sus aplicaciones preguntan quién es usted. Para iniciar sesión, abra la aplicación que quiera usar: ella le trae aquí.
home-signed-in = Ha iniciado sesión como <strong><bdi>{ $account }</bdi></strong>
home-signed-out = Nadie ha iniciado sesión en este navegador.
home-unclear = Este navegador envió una cookie de inicio de sesión que no se puede usar, por lo que no se puede saber si ha iniciado sesión. Para estar seguro, elimine las cookies de este sitio en los ajustes de su navegador.

## Refusals and faults

refusal-sign-in-link = Este enlace de inicio de sesión no funciona
refusal-expired = Esta página ha caducado
refusal-browser = Esta página pertenece a otro inicio de sesión
refusal-sign-out = No se ha cerrado ninguna sesión
refusal-link = Este enlace no funciona
refusal-forbidden = Eso no se puede hacer desde aquí
refusal-not-found = Página no encontrada
refusal-method = Esta página no se puede abrir así
refusal-too-large = Era demasiado para leerlo
refusal-too-many = Demasiados intentos
refusal-unavailable = Inténtelo de nuevo dentro de un momento
refusal-code = Código
refusal-for-developers = Para desarrolladores
refusal-detail = Qué está mal
refusal-received = Lo que hemos recibido
refusal-received-empty = vacío
refusal-received-more = { $count ->
    [one] y { $count } parámetro más
    [many] y { $count } de parámetros más
   *[other] y { $count } parámetros más
 }
refusal-docs = Qué significa este código
refusal-recover = Pedir un enlace nuevo
refusal-front-page = Página principal de <bdi>{ $product }</bdi>
error-entry-error = Código de error
error-entry-spec = Especificación
error-entry-why = Por qué ocurre
error-entry-remedy = Qué pueden hacer los responsables de la app o de este servidor
fault-heading = Lo sentimos, hay un problema
fault-explanation = El problema es nuestro, no suyo. Inténtelo de nuevo dentro de unos minutos. Si sigue ocurriendo, envíe esta referencia a quien gestiona el servicio.

## What each refusal says

reason-request-malformed = No se pudo leer la solicitud.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-request-too-large = La solicitud es más larga de lo que este servidor acepta.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-parameter-repeated = La solicitud dice algo dos veces.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-method-not-allowed = A esta dirección no se la puede llamar así.
reason-form-reopened = Esta página formaba parte de un inicio o cierre de sesión y no se puede volver a abrir por su dirección.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-content-type-unsupported = El formulario llegó en una forma que este servidor no lee.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-credentials-in-query = El formulario llegó en una forma que este servidor no lee.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-not-found = No hay nada en esta dirección.
reason-host-malformed = La solicitud no dice a quién va dirigida.
reason-host-unexpected = Este servidor no tiene el nombre por el que se preguntó.
    .advice = Su dirección es { $issuer }
reason-speculative-request = Un navegador pidió esta dirección antes de que alguien la abriera.
    .advice = Ábrala y tendrá respuesta.
reason-client-id-missing = La aplicación no dijo quién es (client_id).
    .advice = Vuelva a la aplicación e inténtelo de nuevo.
reason-client-unknown = La aplicación no está registrada aquí.
    .advice = Vuelva a la aplicación e inténtelo de nuevo. Si sigue ocurriendo, avise a su responsable.
reason-client-disabled = { reason-client-unknown }
    .advice = { reason-client-unknown.advice }
reason-redirect-uri-missing = La aplicación no dijo adónde volver (redirect_uri).
    .advice = Vuelva a la aplicación e inténtelo de nuevo.
reason-redirect-uri-not-registered = La aplicación pidió volver a una dirección que no está registrada para ella.
    .advice = Vuelva a la aplicación e inténtelo de nuevo. Si sigue ocurriendo, avise a su responsable.
reason-pushed-request-not-recognised = Este servidor no conoce esa solicitud de la aplicación.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pushed-request-expired = La solicitud de la aplicación es demasiado antigua.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pushed-request-used = La solicitud de la aplicación ya se respondió.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-not-recognised = Este servidor no conoce esta página, o es demasiado antigua.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-expired = Este inicio de sesión se empezó hace demasiado tiempo.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-without-cookie = Este navegador no envió la cookie con la que empezó el inicio de sesión: se empezó en otro lugar, se cerró el navegador o este no guarda cookies.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-from-another-browser = Este inicio de sesión se empezó en otro navegador, o antes de que se eliminaran las cookies de este.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-from-another-session = Ha habido otro inicio de sesión en este navegador desde que se mostró esta página.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-signed-out = Su sesión ya no está iniciada aquí.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-pending-request-not-due = El inicio de sesión está en otro paso que esta página.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-cross-site-form = El formulario se envió desde otro sitio.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-form-origin-unknown = El navegador no dijo desde dónde se envió el formulario.
    .advice = Vuelva a la aplicación y empiece de nuevo, en otro navegador si este no lo dice.
reason-sign-out-form-stale = Esta página pertenece a otro inicio de sesión que el actual.
    .advice = Abra de nuevo la página para cerrar sesión.
reason-decision-missing = El formulario no decía ni permitir ni no permitir.
    .advice = Vuelva a la aplicación y empiece de nuevo.
reason-session-cookie-unusable = Este navegador envió una cookie de inicio de sesión que no se puede usar, por lo que no se cerró ninguna sesión.
    .advice = Para estar seguro, elimine las cookies de este sitio en los ajustes del navegador.
reason-link-not-recognised = Este servidor no ha creado ningún enlace así, o no llegó entero.
    .advice = Ábralo de nuevo donde lo recibió, o pida allí uno nuevo.
reason-link-expired = Este enlace es demasiado antiguo.
    .advice = Pida uno nuevo donde lo recibió.
reason-link-used = Este enlace ya no es válido: se ha usado, o la cuenta ha cambiado desde entonces.
    .advice = Inicie sesión como siempre; si no puede, pida un enlace nuevo donde recibió este.
reason-link-of-another-user = Este enlace es para otra cuenta que la que ha iniciado sesión aquí.
    .advice = Cierre la sesión y ábralo de nuevo.
reason-address-taken = Esta dirección ya pertenece a una cuenta.
    .advice = Inicie sesión con ella; si ha olvidado su contraseña, elija una nueva desde la página de inicio de sesión.
reason-registration-closed = Aquí nadie puede crear una cuenta por sí mismo.
    .advice = Pida una a quien gestiona este servicio.
reason-overloaded = El servidor tiene más que hacer de lo que puede.
    .advice = Inténtelo de nuevo dentro de un momento.
reason-store-unavailable = La base de datos del servidor no responde o no guarda nada.
    .advice = Inténtelo de nuevo dentro de un momento.
reason-store-rewound = La base de datos del servidor muestra una hora anterior a la de antes, por lo que no se puede juzgar nada con ella.
    .advice = Inténtelo de nuevo más tarde.
reason-master-key-missing = A este servidor le falta una clave que su base de datos necesita.
    .advice = Inténtelo de nuevo dentro de un momento.
reason-clock-not-believed = El reloj del servidor no es correcto, por lo que no puede juzgar nada.
    .advice = Inténtelo de nuevo dentro de un momento.

## Mails

mail-invite-subject = Configure su cuenta en { $product }
mail-invite = Se ha creado una cuenta para usted en <bdi>{ $product }</bdi>. Elija cómo quiere iniciar sesión.
mail-invite-action = Configurar la cuenta
mail-verify-subject = Confirme su dirección para { $product }
mail-verify = Alguien ha indicado esta dirección en <bdi>{ $product }</bdi>. Si ha sido usted, confirme que es suya. Si no, no tiene que hacer nada: sin usted no ocurre nada.
mail-verify-action = Confirmar esta dirección
mail-recover-subject = Recupere el acceso a su cuenta en { $product }
mail-recover = Alguien, probablemente usted, quiere recuperar el acceso a su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi>. Si no ha sido usted, no tiene que hacer nada: nada ha cambiado.
mail-recover-action = Recuperar el acceso
mail-sign-up-subject = Cree su cuenta en { $product }
mail-sign-up = Alguien dio esta dirección para crear una cuenta en <bdi>{ $product }</bdi>. Si fue usted, siga aquí. Si no, no tiene que hacer nada: sin usted no se crea ninguna cuenta.
mail-sign-up-action = Crear su cuenta
mail-sign-up-invite-subject = Tiene una invitación a { $product }
mail-sign-up-invite = Se le invita a crear una cuenta en <bdi>{ $product }</bdi>. Usted elige su nombre de usuario y cómo inicia sesión.
mail-account-exists-subject = Ya tiene una cuenta en { $product }
mail-account-exists = Alguien, probablemente usted, quiso crear una cuenta en <bdi>{ $product }</bdi> con esta dirección. Pertenece a su cuenta <bdi>{ $account }</bdi>. Inicie sesión con ella; si ha olvidado la contraseña, allí puede elegir una nueva.
mail-address-changed-subject = Su dirección en { $product } ha cambiado
mail-address-changed = Desde el { $when }, su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> tiene otra dirección. Este es el último mensaje a esta.
mail-password-changed-subject = Su contraseña en { $product } ha cambiado
mail-password-changed = Se ha cambiado la contraseña de su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }).
mail-otp-added-subject = Se ha añadido una app de autenticación en { $product }
mail-otp-added = Se ha añadido una app de autenticación a su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }).
mail-otp-removed-subject = Se ha quitado la app de autenticación en { $product }
mail-otp-removed = Se ha quitado la app de autenticación de su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi>, con sus códigos de recuperación ({ $when }).
mail-passkey-added-subject = Se ha añadido una clave de acceso en { $product }
mail-passkey-added = Se ha añadido una clave de acceso a su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }).
mail-passkey-removed-subject = Se ha quitado una clave de acceso en { $product }
mail-passkey-removed = Se ha quitado una clave de acceso de su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }).
mail-recovery-codes-made-subject = Nuevos códigos de recuperación en { $product }
mail-recovery-codes-made = Se han creado nuevos códigos de recuperación para su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }). Los anteriores ya no valen.
mail-recovery-code-used-subject = Se ha usado un código de recuperación en { $product }
mail-recovery-code-used = Alguien ha iniciado sesión con un código de recuperación de su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }).
mail-second-factor-guessed-subject = Códigos incorrectos en { $product }
mail-second-factor-guessed = Se han introducido demasiados códigos incorrectos para su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> ({ $when }). Durante cinco minutos no se comprueba ninguno más.
mail-guessed-advice = Quien los ha introducido conoce su contraseña. Si no ha sido usted, cámbiela.
mail-new-device-subject = Nuevo inicio de sesión en { $product }
mail-new-device = Alguien ha iniciado sesión en su cuenta <bdi>{ $account }</bdi> en <bdi>{ $product }</bdi> con un navegador que usted no ha usado allí últimamente ({ $when }).
mail-not-you = Si no ha sido usted, quizá otra persona use su cuenta: cambie su contraseña y revise sus métodos de inicio de sesión y sus dispositivos.
mail-account-action = Abrir su cuenta
mail-link = Si el botón no funciona, copie esta dirección en su navegador:
mail-link-minutes = El enlace vale durante { $minutes ->
    [one] 1 minuto
    [many] { $minutes } de minutos
   *[other] { $minutes } minutos
 } y una sola vez.
mail-link-hours = El enlace vale durante { $hours ->
    [one] 1 hora
    [many] { $hours } de horas
   *[other] { $hours } horas
 } y una sola vez.
mail-footer = <bdi>{ $product }</bdi> ha enviado este mensaje automáticamente. Nadie lee las respuestas.
mail-test-subject = Una prueba de { $product }
mail-test = Este mensaje muestra que <bdi>{ $product }</bdi> puede enviarle correo.
mail-test-action = Abrir <bdi>{ $product }</bdi>

## The account page

account-title = Su cuenta
account-overview = Resumen
account-security = Cómo inicia sesión
account-security-short = Inicio de sesión
account-activity = Actividad reciente
account-activity-short = Actividad
account-apps-short = Aplicaciones
account-sessions-short = Sesiones
account-again = Es usted. Aún no ha cambiado nada: elija otra vez lo que quería.
account-apps = Aplicaciones con acceso
account-apps-explanation = Lo que quite termina al instante en este servidor. Una API que no consulte a este servidor puede aceptar el último token de una aplicación durante { $minutes ->
    [one] { $minutes } minuto
    [many] { $minutes } de minutos
   *[other] { $minutes } minutos
 } más como máximo.
account-no-apps = Ninguna aplicación tiene acceso a su cuenta.
account-since = Desde el { $date }
account-last-used = Último uso: { $date }
account-remove-access = Quitar acceso
account-sessions = Dónde tiene la sesión iniciada
account-this-session = Este navegador
account-other-session = Otro navegador
session-device = <bdi>{ $browser }</bdi> en <bdi>{ $system }</bdi>
account-signed-in-with = Sesión iniciada con
account-end-session = Cerrar sesión allí
account-end-others = Cerrar las demás sesiones
account-password-changed = Establecida el { $date }
account-no-password = Su cuenta no tiene contraseña.
account-change-password = Cambiar la contraseña
account-no-authenticator = Un código de su teléfono detiene a quien averigüe su contraseña.
account-authenticator-off = Las apps de autenticación están desactivadas aquí.
account-authenticator-demanded = Se le exige un segundo factor, por lo que no se puede quitar.
account-remove-authenticator = Quitar la app de autenticación
account-recovery-codes = Códigos de recuperación
account-recovery-codes-left = { $count ->
    [one] Queda { $count } código de recuperación.
    [many] Quedan { $count } de códigos de recuperación.
   *[other] Quedan { $count } códigos de recuperación.
 }
account-new-recovery-codes = Crear nuevos códigos de recuperación
account-new-recovery-codes-note = Los códigos que tiene ahora dejarán de funcionar.
account-no-activity = Todavía no ha ocurrido nada.
account-earlier = Anteriores
event-user-added = Cuenta creada
event-user-locked = Cuenta bloqueada
event-user-unlocked = Cuenta desbloqueada
event-claims-updated = Datos de su cuenta modificados
event-password-set = Contraseña establecida
event-second-factor-added = App de autenticación añadida
event-second-factor-removed = App de autenticación quitada
event-recovery-codes-made = Nuevos códigos de recuperación creados
event-recovery-code-used = Código de recuperación usado, { $left ->
    [one] queda { $left }
    [many] quedan { $left }
   *[other] quedan { $left }
 }
event-second-factor-guessed = Alguien que conoce su contraseña intentó adivinar códigos
event-session-started = Sesión iniciada
event-session-ended = Sesión cerrada en un navegador
event-sessions-ended = Sesión cerrada en todas partes
event-other-sessions-ended = Sesión cerrada en todas las demás partes
event-consent-given = Acceso dado a <bdi>{ $client }</bdi>
event-access-removed = Acceso de <bdi>{ $client }</bdi> quitado
account-name = Nombre
account-name-hint = Cómo le llaman las aplicaciones si les muestra su perfil.
account-name-submit = Guardar el nombre
problem-name = Escriba un nombre de 128 caracteres como máximo, en una línea.
account-facts = También se sabe de usted
account-facts-explanation = Las aplicaciones lo ven si usted lo permite.
account-email = Dirección de correo
account-phone = Número de teléfono
claim-given-name = Nombre de pila
claim-middle-name = Segundo nombre
claim-family-name = Apellidos
claim-nickname = Apodo
claim-address = Dirección postal
claim-groups = Grupos
claim-birthdate = Fecha de nacimiento
claim-gender = Género
claim-picture = Imagen
claim-profile = Página de perfil
claim-website = Sitio web
claim-locale = Idioma
claim-zoneinfo = Zona horaria
account-app-sees = Ahora puede ver:
account-delete = Eliminar su cuenta
account-delete-explanation = Todo termina al instante: sus sesiones, lo concedido a las aplicaciones y su forma de iniciar sesión. No se puede recuperar.
account-delete-confirm = Escriba <strong><bdi>{ $account }</bdi></strong> para confirmar
problem-confirmation = Ese no es el nombre de esta cuenta.
account-deleted-heading = Su cuenta está eliminada
account-deleted-explanation = Se ha cerrado la sesión en todas partes y se avisa a las aplicaciones. Lo que ellas guardan de usted lo conservan: pregúnteles.
home-account = Su cuenta, aplicaciones y sesiones

## When, and by what

moment-now = hace menos de una hora
moment-hours = { $hours ->
    [one] hace { $hours } hora
    [many] hace { $hours } de horas
   *[other] hace { $hours } horas
 }
factor-password = Contraseña
factor-otp = App de autenticación
factor-recovery-code = Código de recuperación
factor-passkey = Clave de acceso

## Passkeys

account-passkeys = Claves de acceso
account-passkeys-explanation = Con una clave de acceso inicia sesión sin contraseña: con su huella, su cara o el PIN de su dispositivo.
account-no-passkeys = Aún no tiene ninguna clave de acceso.
account-add-passkey = Añadir una clave de acceso
account-passkey-added = Añadida: { $date }
account-passkey-unused = Aún sin usar
account-passkey-synced = En sus dispositivos
account-passkey-one-device = En un dispositivo o una llave de seguridad
account-passkey-rename = Cambiar el nombre
account-passkey-name = Nombre
account-passkey-save-name = Guardar el nombre
account-passkey-remove = Quitar
account-passkey-last = Esta clave de acceso es su única forma de iniciar sesión. Añada otra antes de quitarla.
account-passkey-demanded = Se le exige un segundo factor, y esta clave de acceso es el único. Añada otra, o una app de autenticación, antes de quitarla.
new-passkey-explanation = Su navegador pregunta dónde guardarla: en este dispositivo, en su gestor de contraseñas o en una llave de seguridad.
new-passkey-submit = Crear una clave de acceso
new-passkey-cancelled = No se ha creado ninguna clave de acceso. Inténtelo de nuevo cuando quiera.
new-passkey-there = En ese lugar ya hay una clave de acceso para su cuenta.
new-passkey-failed = Este navegador no puede crear claves de acceso aquí. Pruebe con otro navegador o dispositivo.
problem-new-passkey = No se ha podido añadir esta clave de acceso. Inténtelo de nuevo.
problem-new-passkey-over = Esta página ha estado abierta demasiado tiempo. Inténtelo de nuevo.
problem-new-passkey-not-verified = Ponga primero un PIN a esta llave, o use un dispositivo que desbloquee con su huella, su cara o un PIN.
problem-new-passkey-not-discoverable = Esta llave de seguridad no tiene sitio para una clave de acceso o no puede guardarla. Use otra.
problem-new-passkey-known = Esta clave de acceso ya pertenece a una cuenta.
problem-new-passkey-too-many = Tiene tantas claves de acceso como puede haber. Quite primero una.
passkey-name = Clave de acceso
passkey-security-key = Llave de seguridad
account-your-passkeys = Sus claves de acceso
event-passkey-added = Se ha añadido una clave de acceso
event-passkey-renamed = Una clave de acceso tiene otro nombre
event-passkey-removed = Se ha quitado una clave de acceso
event-passkey-count-behind = Se ha usado una clave de acceso que puede estar copiada
offer-passkey-explanation = La próxima vez, inicie sesión como <strong><bdi>{ $account }</bdi></strong> sin contraseña: con su huella, su cara o el PIN de este dispositivo. Nadie puede adivinarla ni pedírsela.


## The mail address of the account

phone-change = Cambiar el número de teléfono
phone-explanation = Las aplicaciones que pueden verlo saben que nadie lo ha comprobado. Deje el campo vacío para no tener ninguno aquí.
phone-hint = Con el prefijo del país, por ejemplo +34 910 000 000.
phone-submit = Guardar el número
problem-phone = Escriba un número de teléfono que empiece por + y el prefijo del país, por ejemplo +34 910 000 000.
account-address = Dirección de correo
address-change = Cambiar la dirección de correo
address-confirmed = Confirmada
address-not-confirmed = Sin confirmar todavía
address-unknown = No se conoce ninguna dirección de correo.
address-explanation = Enviamos un enlace a la dirección que escriba. Pasa a ser suya cuando abre el enlace aquí y la confirma. Las aplicaciones que pueden ver su dirección ven desde entonces la nueva.
address-new = Nueva dirección de correo
address-by-operator = No se puede cambiar aquí. Pregunte a quien gestiona este servicio.
address-sent = Un enlace va de camino a <strong><bdi>{ $address }</bdi></strong>. Ábralo en este navegador en el plazo de una hora y confírmela allí.
problem-address = Escriba una dirección de correo, por ejemplo ada@example.com.
confirm-address-heading = Confirme su dirección de correo
confirm-address-explanation = A partir de ahora, <strong><bdi>{ $address }</bdi></strong> es la dirección de correo de su cuenta <strong><bdi>{ $account }</bdi></strong>.
confirm-address-submit = Confirmar esta dirección

## Crear una cuenta

sign-up-heading = Crear una cuenta
sign-up-explanation = Escriba su dirección de correo. Le enviamos un enlace con el que elegirá un nombre de usuario y cómo inicia sesión.
sign-up-domains = Solo direcciones de:
sign-up-sign-in = Ya tengo una cuenta
problem-sign-up-domain = Con una dirección de ese dominio no se puede crear una cuenta aquí.
sign-up-asked-explanation = Un mensaje va de camino a esa dirección. Su enlace crea su cuenta, en un plazo de 24 horas, o el mensaje le dice que ya tiene una. Ábralo en este navegador para seguir donde estaba.
new-account-for = para <strong><bdi>{ $address }</bdi></strong>
new-account-username-hint = Con lo que iniciará sesión.
new-account-name = Nombre (opcional)
new-account-passkey = Usar una clave de acceso en lugar de una contraseña
new-account-password = Elegir mejor una contraseña
problem-username-unfit = Esto no puede ser un nombre de usuario. Use letras de una sola escritura, cifras y signos, 128 como máximo.
problem-username-address = Un nombre de usuario que parece una dirección de correo tiene que ser su propia dirección.
problem-username-taken = Este nombre de usuario ya está en uso. Elija otro.
