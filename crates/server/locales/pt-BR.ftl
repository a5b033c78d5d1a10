# Every word of the pages, in Portuguese as it is written in Brazil (você).

## Every page

skip-to-content = Ir para o conteúdo
title = { $page } – { $product }
title-error = Erro: { $page } – { $product }
reference = Referência
continue = Continuar
use-another-account = Usar outra conta
return-to = Voltar para <bdi>{ $client }</bdi>
language-label = Idioma
language-change = Alterar
links = Links
link-help = Ajuda
link-privacy = Privacidade
link-terms = Termos de uso
password-show = Mostrar a senha
password-hide = Ocultar a senha

## Sign in

sign-in-heading = Entrar
sign-in-to-continue = para continuar em <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-title = Confirme que é você
sign-in-again-heading = Confirme que é você, <bdi>{ $account }</bdi>
sign-in-again = Digite sua senha novamente para continuar em <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-again-or-passkey = Digite sua senha novamente, ou use uma chave de acesso, para continuar em <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>
sign-in-username = Nome de usuário
sign-in-password = Senha
sign-in-submit = Entrar

passkey-use = Usar uma chave de acesso
passkey-cancelled = Nenhuma chave de acesso foi usada. Tente de novo ou escolha outra forma.
passkey-failed = Este navegador não pode usar chaves de acesso aqui. Escolha outra forma.
passkey-needs-script = Para usar sua chave de acesso, ative o JavaScript para esta página, em um navegador que conheça chaves de acesso.

problem-heading = Há um problema
problem-credentials = O nome de usuário ou a senha não está correto. Verifique os dois e tente novamente.
problem-password = A senha não está correta. Verifique-a e tente novamente.
problem-username-missing = Digite seu nome de usuário.
problem-password-missing = Digite sua senha.
problem-throttled = Tentativas demais. { $minutes ->
    [one] Aguarde { $minutes } minuto
    [many] Aguarde { $minutes } de minutos
   *[other] Aguarde { $minutes } minutos
 } e tente novamente.
problem-passkey = Esta chave de acesso não foi aceita. Tente de novo ou escolha outra forma.
problem-busy = Há pessoas demais entrando neste momento. Aguarde um instante e tente novamente.

## A second factor

second-factor-passkey-heading = Confirme com sua chave de acesso
second-factor-heading = Digite seu código
second-factor-account = Você está entrando como <strong><bdi>{ $account }</bdi></strong>
second-factor-code = Código do seu app autenticador
second-factor-use-recovery-code = Usar um código de recuperação
second-factor-recovery-code = Código de recuperação
second-factor-recovery-submit = Usar este código de recuperação
problem-code = Este código não está certo ou já foi usado. Espere o próximo e tente de novo.
problem-code-missing = Digite os 6 dígitos que seu app autenticador mostra.
problem-recovery-code = Este código de recuperação não está certo ou já foi usado.
problem-recovery-code-missing = Digite um dos seus códigos de recuperação: 16 letras e números.

enrol-heading = Configurar um app autenticador
enrol-explanation = <strong><bdi>{ $account }</bdi></strong> precisa de mais do que uma senha. Escaneie isto com um app autenticador e digite o código que ele mostra.
enrol-choice-heading = Adicione uma segunda forma de provar que é você
enrol-choice-explanation = <strong><bdi>{ $account }</bdi></strong> precisa de mais do que uma senha aqui. Adicione outra forma de confirmar que é você.
enrol-scan = Leia isto com um app autenticador e digite o código que ele mostra.
enrol-qr = Código QR para seu app autenticador
enrol-type = Se não puder escaneá-lo, digite esta chave no app:
enrol-code = Código que o app mostra
problem-enrolment-over = Esta página ficou aberta por tempo demais. Escaneie o novo código QR e digite o código que o app mostra.

offer-heading = Proteja melhor sua conta
offer-explanation = <strong><bdi>{ $account }</bdi></strong> está protegida apenas por uma senha. Quem a descobrir pode entrar. Um código do seu telefone impede isso.
offer-not-now = Agora não

recovery-codes-heading = Guarde seus códigos de recuperação
recovery-codes-explanation = Cada um deles permite entrar uma vez, no lugar do seu app autenticador. Você só os verá desta vez.
recovery-codes-advice = Imprima-os ou anote-os e guarde-os onde só você os encontre.
recovery-codes-saved = Já os guardei

## A password, by a link

recover-link = Esqueci minha senha
recover-heading = Recupere o acesso à sua conta
recover-explanation = Digite o nome com que você entra ou seu endereço de e-mail. Enviamos um link para escolher de novo como você entra.
recover-account = Nome de usuário ou endereço de e-mail
recover-submit = Enviar o link
problem-recover-missing = Digite seu nome de usuário ou seu endereço de e-mail.
recovery-asked-heading = Veja seus e-mails
recovery-asked-explanation = Se houver uma conta com esse nome ou endereço, e se conhecermos um endereço de e-mail do titular, um link está a caminho. Ele funciona uma vez, por 30 minutos.
recovery-asked-advice = Se nada chegar, procure no spam, confira o que digitou e pergunte a quem administra este serviço.

first-sign-in-heading = Escolha como entrar
first-password-heading = Escolha uma senha
new-password-heading = Escolha uma nova senha
new-password-ends = Isso encerra seu acesso em todos os outros lugares, e os apps perdem o acesso até que você o permita de novo.
new-password-label = Nova senha
new-password-again = Nova senha, mais uma vez
new-password-advice = Pelo menos { $minimum } caracteres. Algumas palavras seguidas são fáceis de lembrar.
new-password-end-others = Sair de todos os outros lugares e encerrar o que foi concedido aos aplicativos. Eles pedirão de novo.
new-password-submit = Definir senha
problem-new-password-missing = Digite uma nova senha.
problem-new-password-differs = As duas senhas não são iguais. Digite a nova senha duas vezes.
problem-new-password-short = Esta senha é curta demais. Ela precisa de pelo menos { $minimum } caracteres.
problem-new-password-long = Esta senha é longa demais. Escolha uma mais curta.
problem-new-password-character = Esta senha contém um caractere que não pode ser digitado ao entrar. Escolha uma sem ele.
problem-new-password-common = Esta senha é uma das que são tentadas primeiro. Escolha outra, por exemplo algumas palavras seguidas.
problem-new-password-name = Esta senha é um nome ou um endereço seu ou deste serviço. Escolha uma que não diga nada sobre nenhum dos dois.

## Choosing an account

not-admitted-heading = Você não pode usar este aplicativo
not-admitted-lead = <strong><bdi>{ $account }</bdi></strong> está conectado aqui, e esta conta não pode usar <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span>.
not-admitted-ask = Para obter acesso, fale com:
not-admitted-ask-owner = Para obter acesso, fale com quem administra <bdi>{ $client }</bdi>.
select-account-heading = Escolha uma conta
select-account-continue = Continuar como <strong><bdi>{ $account }</bdi></strong>

## Consent

consent-title = Permitir o acesso de { $client }?
consent-heading = Permitir que <bdi>{ $client }</bdi> use sua conta?
consent-account = Você é <strong><bdi>{ $account }</bdi></strong>
consent-resource = O app vai usar <strong><bdi>{ $resource }</bdi></strong>
consent-asks = <bdi>{ $client }</bdi> pede permissão para
consent-asks-more = <bdi>{ $client }</bdi> agora pede permissão também para
consent-asks-nothing = <bdi>{ $client }</bdi> não pede nenhuma permissão específica.
consent-identity = Quem é você
consent-read = Ler
consent-change = Alterar
consent-while-away = Enquanto você está ausente
consent-other = Outros
consent-new = Novo
consent-unknown = Permissão <code><bdi>{ $scope }</bdi></code>, sem descrição
consent-unknown-warning = Ninguém descreveu o que isso permite. Permita somente se você souber para que serve.
consent-already-allowed = Você já permitiu
consent-return = O app levará você de volta para <strong><bdi>{ $host }</bdi></strong>
consent-loopback = Este é um app neste computador. Permita somente se você mesmo acabou de iniciá-lo.
consent-client-pages = Mais informações de <bdi>{ $client }</bdi>:
consent-allow = Permitir
consent-deny = Não permitir

scope-openid = Saber que é você
scope-profile = Ver seu nome, sua foto e o restante do seu perfil
scope-email = Ver seu endereço de e-mail
scope-phone = Ver seu número de telefone
scope-address = Ver seu endereço postal
scope-groups = Ver a quais grupos você pertence
scope-offline-access = Manter o acesso enquanto você não usa o app, até que você o remova
scope-admin-read = Ver tudo neste servidor: usuários, aplicativos, sessões, chaves e eventos
scope-admin-write = Alterar tudo neste servidor: usuários, aplicativos, sessões e chaves
scope-scim = Criar, alterar e remover usuários e grupos

## On the way back to the app

form-post-title = Voltando para { $client }
form-post-heading = Voltando para <bdi>{ $client }</bdi>
form-post-explanation = Se nada acontecer, selecione “Continuar” para ir para <strong><bdi>{ $host }</bdi></strong>.

## A redirect too long for a header

go-on-heading = Um momento
go-on-explanation = Se nada acontecer, selecione “Continuar”.

## A form answered before

answered-heading = Você já respondeu
answered-explanation = Esta pergunta já foi respondida, talvez em outra aba. Não há mais nada a fazer aqui.
answered-return-where = Volte para <strong><bdi>{ $client }</bdi></strong> <span class="host">(<bdi>{ $host }</bdi>)</span> para continuar.

## Signing out

sign-out-heading = Sair?
sign-out-explanation = Isso encerra sua sessão em { $product } neste navegador. Os apps que você abriu podem manter você conectado até que você saia deles também.
sign-out-requested = <strong><bdi>{ $client }</bdi></strong> pede para encerrar sua sessão em { $product } neste navegador. Outros apps que você abriu podem manter você conectado até que você saia deles também.
sign-out-told = Estes aplicativos são avisados e também encerram sua sessão
sign-out-return = Depois você volta para <strong><bdi>{ $host }</bdi></strong>
sign-out-unverified = Não foi possível verificar o pedido do app, por isso você não será levado de volta para ele.
sign-out-submit = Sair
sign-out-cancel = Continuar conectado
signed-out-heading = Você saiu
signed-out-explanation = Sua sessão em { $product } neste navegador foi encerrada.
signed-out-told = Você também saiu de
signed-out-not-told = Você talvez ainda esteja conectado em
signed-out-apps-in-general = Você talvez ainda esteja conectado em apps que abriu. Em um computador compartilhado, saia deles também e feche o navegador.
signed-out-not-told-advice = Não foi possível avisá-los. Em um computador compartilhado, saia deles também e feche o navegador.

## The front door

home-explanation = Aqui seus apps perguntam quem é você. Para entrar, abra o app que você quer usar: ele traz você até aqui.
home-signed-in = Você entrou como <strong><bdi>{ $account }</bdi></strong>
home-signed-out = Ninguém está conectado neste navegador.
home-unclear = Este navegador enviou um cookie de acesso que não pode ser usado, por isso não é possível saber se você está conectado. Para ter certeza, exclua os cookies deste site nas configurações do navegador.

## Refusals and faults

refusal-sign-in-link = Este link de acesso não funciona
refusal-expired = Esta página expirou
refusal-browser = Esta página pertence a outro acesso
refusal-sign-out = Ninguém saiu
refusal-link = Este link não funciona
refusal-forbidden = Não é possível fazer isso daqui
refusal-not-found = Página não encontrada
refusal-method = Esta página não pode ser aberta assim
refusal-too-large = Era demais para ler
refusal-too-many = Tentativas demais
refusal-unavailable = Tente novamente daqui a pouco
refusal-code = Código
refusal-for-developers = Para desenvolvedores
refusal-detail = O que está errado
refusal-received = O que recebemos
refusal-received-empty = vazio
refusal-received-more = { $count ->
    [one] e mais { $count } parâmetro
    [many] e mais { $count } de parâmetros
   *[other] e mais { $count } parâmetros
 }
refusal-docs = O que este código significa
refusal-recover = Pedir um novo link
refusal-front-page = Página inicial de <bdi>{ $product }</bdi>
error-entry-error = Código de erro
error-entry-spec = Especificação
error-entry-why = Por que isso acontece
error-entry-remedy = O que os responsáveis pelo app ou por este servidor podem fazer
fault-heading = Desculpe, há um problema
fault-explanation = O problema é nosso, não seu. Tente novamente em alguns minutos. Se continuar acontecendo, envie esta referência a quem administra o serviço.

## What each refusal says

reason-request-malformed = Não foi possível ler o pedido.
    .advice = Volte para o app e comece de novo.
reason-request-too-large = O pedido é maior do que este servidor aceita.
    .advice = Volte para o app e comece de novo.
reason-parameter-repeated = O pedido diz algo duas vezes.
    .advice = Volte para o app e comece de novo.
reason-method-not-allowed = Este endereço não pode ser chamado assim.
reason-form-reopened = Esta página fazia parte de uma entrada ou saída e não pode ser aberta de novo pelo endereço.
    .advice = Volte para o app e comece de novo.
reason-content-type-unsupported = O formulário chegou em um formato que este servidor não lê.
    .advice = Volte para o app e comece de novo.
reason-credentials-in-query = O formulário chegou em um formato que este servidor não lê.
    .advice = Volte para o app e comece de novo.
reason-not-found = Não há nada neste endereço.
reason-host-malformed = O pedido não diz a quem se dirige.
reason-host-unexpected = Este servidor não tem o nome pelo qual foi chamado.
    .advice = O endereço dele é { $issuer }
reason-speculative-request = Um navegador pediu este endereço antes que alguém o abrisse.
    .advice = Abra-o e ele será respondido.
reason-client-id-missing = O app não disse quem é (client_id).
    .advice = Volte para o app e tente novamente.
reason-client-unknown = O app não está registrado aqui.
    .advice = Volte para o app e tente novamente. Se continuar acontecendo, avise o responsável pelo app.
reason-client-disabled = { reason-client-unknown }
    .advice = { reason-client-unknown.advice }
reason-redirect-uri-missing = O app não disse para onde voltar (redirect_uri).
    .advice = Volte para o app e tente novamente.
reason-redirect-uri-not-registered = O app pediu para voltar a um endereço que não está registrado para ele.
    .advice = Volte para o app e tente novamente. Se continuar acontecendo, avise o responsável pelo app.
reason-pushed-request-not-recognised = Este servidor não conhece esse pedido do app.
    .advice = Volte para o app e comece de novo.
reason-pushed-request-expired = O pedido do app é antigo demais.
    .advice = Volte para o app e comece de novo.
reason-pushed-request-used = O pedido do app já foi respondido.
    .advice = Volte para o app e comece de novo.
reason-pending-request-not-recognised = Este servidor não conhece esta página, ou ela é antiga demais.
    .advice = Volte para o app e comece de novo.
reason-pending-request-expired = Este acesso foi iniciado há tempo demais.
    .advice = Volte para o app e comece de novo.
reason-pending-request-without-cookie = Este navegador não enviou o cookie com que o acesso começou: ele foi iniciado em outro lugar, o navegador foi fechado ou não guarda cookies.
    .advice = Volte para o app e comece de novo.
reason-pending-request-from-another-browser = Este acesso foi iniciado em outro navegador, ou antes que os cookies deste fossem excluídos.
    .advice = Volte para o app e comece de novo.
reason-pending-request-from-another-session = Houve outro acesso neste navegador desde que esta página foi mostrada.
    .advice = Volte para o app e comece de novo.
reason-pending-request-signed-out = Você não está mais conectado aqui.
    .advice = Volte para o app e comece de novo.
reason-pending-request-not-due = O acesso está em outra etapa que não a desta página.
    .advice = Volte para o app e comece de novo.
reason-cross-site-form = O formulário foi enviado de outro site.
    .advice = Volte para o app e comece de novo.
reason-form-origin-unknown = O navegador não disse de onde o formulário foi enviado.
    .advice = Volte para o app e comece de novo, em outro navegador se este não informar isso.
reason-sign-out-form-stale = Esta página pertence a outro acesso que não o atual.
    .advice = Abra a página de saída novamente.
reason-decision-missing = O formulário não disse nem permitir nem não permitir.
    .advice = Volte para o app e comece de novo.
reason-session-cookie-unusable = Este navegador enviou um cookie de acesso que não pode ser usado, por isso ninguém saiu.
    .advice = Para ter certeza, exclua os cookies deste site nas configurações do navegador.
reason-link-not-recognised = Este servidor não criou nenhum link assim, ou ele não chegou inteiro.
    .advice = Abra-o de novo onde você o recebeu, ou peça um novo por lá.
reason-link-expired = Este link é antigo demais.
    .advice = Peça um novo onde você o recebeu.
reason-link-used = Este link não vale mais: ele foi usado, ou a conta mudou desde então.
    .advice = Entre como de costume; se não conseguir, peça um novo link onde você recebeu este.
reason-link-of-another-user = Este link é para outra conta, não a que está conectada aqui.
    .advice = Saia e abra-o de novo.
reason-address-taken = Este endereço já pertence a uma conta.
    .advice = Entre com ela; se você esqueceu a senha, escolha uma nova na página de entrada.
reason-registration-closed = Aqui ninguém pode criar uma conta por conta própria.
    .advice = Peça uma a quem administra este serviço.
reason-overloaded = O servidor tem mais trabalho do que consegue fazer.
    .advice = Tente novamente daqui a pouco.
reason-store-unavailable = O banco de dados do servidor não responde ou não guarda nada.
    .advice = Tente novamente daqui a pouco.
reason-store-rewound = O banco de dados do servidor mostra uma hora anterior à de antes, por isso nada pode ser avaliado por ele.
    .advice = Tente novamente mais tarde.
reason-master-key-missing = Falta a este servidor uma chave de que o banco de dados precisa.
    .advice = Tente novamente daqui a pouco.
reason-clock-not-believed = O relógio do servidor está errado, por isso ele não pode avaliar nada.
    .advice = Tente novamente daqui a pouco.

## Mails

mail-invite-subject = Configure sua conta em { $product }
mail-invite = Uma conta foi criada para você em <bdi>{ $product }</bdi>. Escolha como quer entrar.
mail-invite-action = Configurar a conta
mail-verify-subject = Confirme seu endereço para { $product }
mail-verify = Alguém informou este endereço em <bdi>{ $product }</bdi>. Se foi você, confirme que ele é seu. Se não foi, não é preciso fazer nada: sem você, nada acontece.
mail-verify-action = Confirmar este endereço
mail-recover-subject = Recupere o acesso à sua conta em { $product }
mail-recover = Alguém, provavelmente você, quer recuperar o acesso à sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi>. Se não foi você, não é preciso fazer nada: nada mudou.
mail-recover-action = Recuperar o acesso
mail-sign-up-subject = Crie sua conta em { $product }
mail-sign-up = Alguém informou este endereço para criar uma conta em <bdi>{ $product }</bdi>. Se foi você, continue aqui. Se não, não há nada a fazer: nenhuma conta é criada sem você.
mail-sign-up-action = Criar sua conta
mail-sign-up-invite-subject = Você recebeu um convite para { $product }
mail-sign-up-invite = Você foi convidado a criar uma conta em <bdi>{ $product }</bdi>. Você mesmo escolhe o nome de usuário e como entra.
mail-account-exists-subject = Você já tem uma conta em { $product }
mail-account-exists = Alguém, provavelmente você, tentou criar uma conta em <bdi>{ $product }</bdi> com este endereço. Ele pertence à sua conta <bdi>{ $account }</bdi>. Entre com ela; se você esqueceu a senha, pode escolher uma nova ali.
mail-address-changed-subject = Seu endereço em { $product } foi alterado
mail-address-changed = Desde { $when }, sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> tem outro endereço. Esta é a última mensagem para este.
mail-password-changed-subject = Sua senha em { $product } foi alterada
mail-password-changed = A senha da sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> foi alterada ({ $when }).
mail-otp-added-subject = Um app autenticador foi adicionado em { $product }
mail-otp-added = Um app autenticador foi adicionado à sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> ({ $when }).
mail-otp-removed-subject = O app autenticador foi removido em { $product }
mail-otp-removed = O app autenticador da sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> foi removido, com seus códigos de recuperação ({ $when }).
mail-passkey-added-subject = Uma chave de acesso foi adicionada em { $product }
mail-passkey-added = Uma chave de acesso foi adicionada à sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> ({ $when }).
mail-passkey-removed-subject = Uma chave de acesso foi removida em { $product }
mail-passkey-removed = Uma chave de acesso da sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> foi removida ({ $when }).
mail-recovery-codes-made-subject = Novos códigos de recuperação em { $product }
mail-recovery-codes-made = Novos códigos de recuperação foram criados para a sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> ({ $when }). Os antigos não valem mais.
mail-recovery-code-used-subject = Um código de recuperação foi usado em { $product }
mail-recovery-code-used = Um código de recuperação da sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> foi usado para entrar ({ $when }).
mail-second-factor-guessed-subject = Códigos errados em { $product }
mail-second-factor-guessed = Foram digitados códigos errados demais para a sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> ({ $when }). Por cinco minutos, nenhum outro é verificado.
mail-guessed-advice = Quem os digitou conhece a sua senha. Se não foi você, altere-a.
mail-new-device-subject = Um novo acesso em { $product }
mail-new-device = Alguém entrou na sua conta <bdi>{ $account }</bdi> em <bdi>{ $product }</bdi> com um navegador que você não usou lá ultimamente ({ $when }).
mail-not-you = Se não foi você, talvez outra pessoa use a sua conta: altere sua senha e confira suas formas de entrar e seus dispositivos.
mail-account-action = Abrir sua conta
mail-link = Se o botão não funcionar, copie este endereço para o navegador:
mail-link-minutes = O link vale por { $minutes ->
    [one] { $minutes } minuto
    [many] { $minutes } de minutos
   *[other] { $minutes } minutos
 } e uma única vez.
mail-link-hours = O link vale por { $hours ->
    [one] { $hours } hora
    [many] { $hours } de horas
   *[other] { $hours } horas
 } e uma única vez.
mail-footer = <bdi>{ $product }</bdi> enviou esta mensagem automaticamente. Ninguém lê as respostas.
mail-test-subject = Um teste de { $product }
mail-test = Esta mensagem mostra que <bdi>{ $product }</bdi> consegue enviar e-mails para você.
mail-test-action = Abrir <bdi>{ $product }</bdi>

## The account page

account-title = Sua conta
account-overview = Visão geral
account-security = Como você entra
account-security-short = Acesso
account-activity = Atividade recente
account-activity-short = Atividade
account-apps-short = Aplicativos
account-sessions-short = Sessões
account-again = É você mesmo. Nada mudou ainda: escolha mais uma vez o que queria.
account-apps = Aplicativos com acesso
account-apps-explanation = O que você remove termina na hora neste servidor. Uma API que não consulta este servidor pode aceitar o último token de um aplicativo por mais { $minutes ->
    [one] { $minutes } minuto
    [many] { $minutes } de minutos
   *[other] { $minutes } minutos
 }, no máximo.
account-no-apps = Nenhum aplicativo tem acesso à sua conta.
account-since = Desde { $date }
account-last-used = Último uso: { $date }
account-remove-access = Remover acesso
account-sessions = Onde você está conectado
account-this-session = Este navegador
account-other-session = Outro navegador
session-device = <bdi>{ $browser }</bdi> no <bdi>{ $system }</bdi>
account-signed-in-with = Conectado com
account-end-session = Sair de lá
account-end-others = Sair de todos os outros
account-password-changed = Definida em { $date }
account-no-password = Sua conta não tem senha.
account-change-password = Alterar a senha
account-no-authenticator = Um código do seu telefone barra quem descobrir sua senha.
account-authenticator-off = Os apps autenticadores estão desativados aqui.
account-authenticator-demanded = Um segundo fator é exigido de você, por isso ele não pode ser removido.
account-remove-authenticator = Remover o app autenticador
account-recovery-codes = Códigos de recuperação
account-recovery-codes-left = { $count ->
    [one] Resta { $count } código de recuperação.
    [many] Restam { $count } de códigos de recuperação.
   *[other] Restam { $count } códigos de recuperação.
 }
account-new-recovery-codes = Criar novos códigos de recuperação
account-new-recovery-codes-note = Os códigos que você tem agora deixarão de funcionar.
account-no-activity = Nada aconteceu ainda.
account-earlier = Anteriores
event-user-added = Conta criada
event-user-locked = Conta bloqueada
event-user-unlocked = Conta desbloqueada
event-claims-updated = Dados da sua conta alterados
event-password-set = Senha definida
event-second-factor-added = App autenticador adicionado
event-second-factor-removed = App autenticador removido
event-recovery-codes-made = Novos códigos de recuperação criados
event-recovery-code-used = Código de recuperação usado, { $left ->
    [one] resta { $left }
    [many] restam { $left }
   *[other] restam { $left }
 }
event-second-factor-guessed = Alguém que conhece sua senha tentou adivinhar códigos
event-session-started = Entrada
event-session-ended = Saída de um navegador
event-sessions-ended = Saída de todos os lugares
event-other-sessions-ended = Saída de todos os outros lugares
event-consent-given = Acesso dado a <bdi>{ $client }</bdi>
event-access-removed = Acesso de <bdi>{ $client }</bdi> removido
account-name = Nome
account-name-hint = Como os aplicativos chamam você, se você mostrar seu perfil a eles.
account-name-submit = Salvar nome
problem-name = Digite um nome de no máximo 128 caracteres, em uma linha.
account-facts = Também se sabe sobre você
account-facts-explanation = Os aplicativos veem isto se você permitir.
account-email = Endereço de e-mail
account-phone = Número de telefone
claim-given-name = Primeiro nome
claim-middle-name = Nome do meio
claim-family-name = Sobrenome
claim-nickname = Apelido
claim-address = Endereço postal
claim-groups = Grupos
claim-birthdate = Data de nascimento
claim-gender = Gênero
claim-picture = Imagem
claim-profile = Página de perfil
claim-website = Site
claim-locale = Idioma
claim-zoneinfo = Fuso horário
account-app-sees = Agora pode ver:
account-delete = Excluir sua conta
account-delete-explanation = Tudo termina na hora: suas sessões, o que foi concedido aos aplicativos e a forma como você entra. Não há volta.
account-delete-confirm = Digite <strong><bdi>{ $account }</bdi></strong> para confirmar
problem-confirmation = Esse não é o nome desta conta.
account-deleted-heading = Sua conta foi excluída
account-deleted-explanation = Você saiu de todos os lugares, e os aplicativos são avisados. O que eles guardam sobre você continua com eles: pergunte a eles.
home-account = Sua conta, aplicativos e sessões

## When, and by what

moment-now = há menos de uma hora
moment-hours = { $hours ->
    [one] há { $hours } hora
    [many] há { $hours } de horas
   *[other] há { $hours } horas
 }
factor-password = Senha
factor-otp = App autenticador
factor-recovery-code = Código de recuperação
factor-passkey = Chave de acesso

## Passkeys

account-passkeys = Chaves de acesso
account-passkeys-explanation = Com uma chave de acesso você entra sem senha: com sua digital, seu rosto ou o PIN do seu dispositivo.
account-no-passkeys = Você ainda não tem nenhuma chave de acesso.
account-add-passkey = Adicionar uma chave de acesso
account-passkey-added = Adicionada: { $date }
account-passkey-unused = Ainda não usada
account-passkey-synced = Nos seus dispositivos
account-passkey-one-device = Em um dispositivo ou uma chave de segurança
account-passkey-rename = Mudar o nome
account-passkey-name = Nome
account-passkey-save-name = Salvar o nome
account-passkey-remove = Remover
account-passkey-last = Esta chave de acesso é sua única forma de entrar. Adicione outra antes de removê-la.
account-passkey-demanded = Um segundo fator é exigido de você, e esta chave de acesso é o único. Adicione outra, ou um app autenticador, antes de removê-la.
new-passkey-explanation = Seu navegador pergunta onde guardá-la: neste dispositivo, no seu gerenciador de senhas ou em uma chave de segurança.
new-passkey-submit = Criar uma chave de acesso
new-passkey-cancelled = Nenhuma chave de acesso foi criada. Tente de novo quando quiser.
new-passkey-there = Nesse lugar já há uma chave de acesso para sua conta.
new-passkey-failed = Este navegador não pode criar chaves de acesso aqui. Tente com outro navegador ou dispositivo.
problem-new-passkey = Não foi possível adicionar esta chave de acesso. Tente de novo.
problem-new-passkey-over = Esta página ficou aberta por tempo demais. Tente de novo.
problem-new-passkey-not-verified = Defina primeiro um PIN para esta chave, ou use um dispositivo que você desbloqueia com sua digital, seu rosto ou um PIN.
problem-new-passkey-not-discoverable = Esta chave de segurança não tem espaço para uma chave de acesso ou não pode guardá-la. Use outra.
problem-new-passkey-known = Esta chave de acesso já pertence a uma conta.
problem-new-passkey-too-many = Você tem tantas chaves de acesso quantas pode haver. Remova uma primeiro.
passkey-name = Chave de acesso
passkey-security-key = Chave de segurança
account-your-passkeys = Suas chaves de acesso
event-passkey-added = Uma chave de acesso foi adicionada
event-passkey-renamed = Uma chave de acesso recebeu outro nome
event-passkey-removed = Uma chave de acesso foi removida
event-passkey-count-behind = Uma chave de acesso que pode ter sido copiada foi usada
offer-passkey-explanation = Da próxima vez, entre como <strong><bdi>{ $account }</bdi></strong> sem senha: com sua digital, seu rosto ou o PIN deste dispositivo. Ninguém pode adivinhá-la nem pedi-la a você.


## The mail address of the account

phone-change = Mudar o número de telefone
phone-explanation = Os aplicativos que podem vê-lo são informados de que ninguém o verificou. Deixe o campo vazio para não ter nenhum aqui.
phone-hint = Com o código do país, por exemplo +55 11 5550 0100.
phone-submit = Salvar número
problem-phone = Digite um número de telefone que comece com + e o código do país, por exemplo +55 11 5550 0100.
account-address = Endereço de e-mail
address-change = Mudar o endereço de e-mail
address-confirmed = Confirmado
address-not-confirmed = Ainda não confirmado
address-unknown = Nenhum endereço de e-mail é conhecido.
address-explanation = Enviamos um link ao endereço que você digitar. Ele passa a ser seu quando você abre o link aqui e o confirma. Os apps que podem ver seu endereço veem o novo a partir daí.
address-new = Novo endereço de e-mail
address-by-operator = Não é possível mudá-lo aqui. Pergunte a quem administra este serviço.
address-sent = Um link está a caminho de <strong><bdi>{ $address }</bdi></strong>. Abra-o neste navegador em até uma hora e confirme lá.
problem-address = Digite um endereço de e-mail, por exemplo ada@example.com.
confirm-address-heading = Confirme seu endereço de e-mail
confirm-address-explanation = A partir de agora, <strong><bdi>{ $address }</bdi></strong> é o endereço de e-mail da sua conta <strong><bdi>{ $account }</bdi></strong>.
confirm-address-submit = Confirmar este endereço

## Criar uma conta

sign-up-heading = Criar uma conta
sign-up-explanation = Digite seu endereço de e-mail. Enviamos um link com o qual você escolhe um nome de usuário e como entra.
sign-up-domains = Somente endereços de:
sign-up-sign-in = Já tenho uma conta
problem-sign-up-domain = Não é possível criar uma conta aqui com um endereço desse domínio.
sign-up-asked-explanation = Uma mensagem está a caminho desse endereço. O link dela cria sua conta, em até 24 horas, ou a mensagem diz que você já tem uma. Abra-a neste navegador para continuar de onde parou.
new-account-for = para <strong><bdi>{ $address }</bdi></strong>
new-account-username-hint = Com o que você entra.
new-account-name = Nome (opcional)
new-account-passkey = Usar uma chave de acesso em vez de uma senha
new-account-password = Escolher uma senha
problem-username-unfit = Isso não pode ser um nome de usuário. Use letras de uma só escrita, números e sinais, no máximo 128.
problem-username-address = Um nome de usuário que parece um endereço de e-mail precisa ser o seu próprio endereço.
problem-username-taken = Este nome de usuário já está em uso. Escolha outro.
